/**
 * Deletion of a run on request.
 *
 * | run      | delete                                                  | effects answered        | any other request  |
 * |----------|---------------------------------------------------------|-------------------------|--------------------|
 * | open     | WorkflowTerminated and a mark → deleting                | –                       | –                  |
 * | closed   | mark → deleting                                         | –                       | –                  |
 * | deleting | OK, nothing                                             | its rows are purged     | WORKFLOW_NOT_FOUND |
 *
 * The mark makes it certain: whoever owns the run after a crash goes on. What the run has asked of others is still told.
 */
import type { MarkFolds } from './concepts.ts';
import { isOpen } from './state.ts';
import { mark, type Transition } from './transition.ts';
import { terminate } from './workflow.ts';

export interface DeleteInput {
  readonly reason: string;
  readonly identity: string;
}

export const deletionMarks: MarkFolds<'deletionRequested'> = {
  deletionRequested(state) {
    state.deleting = true;
  },
};

/** Marks the run as not kept, ending it if it is open. */
export function requestDeletion(t: Transition, { reason, identity }: DeleteInput): void {
  if (t.state.deleting === true) return;
  if (isOpen(t.state)) terminate(t, { reason: `deleted${reason === '' ? '' : `: ${reason}`}`, details: [], identity });
  mark(t, { $case: 'deletionRequested', value: { reason, identity } });
}
