/**
 * Pause: an operator's hold on a run.
 *
 * | run    | pause                          | resume                          | task or attempt out | what is due            | signal, cancel request | terminate  |
 * |--------|--------------------------------|---------------------------------|---------------------|------------------------|------------------------|------------|
 * | open   | WorkflowPaused → paused        | OK, nothing                     | as ever             | as ever                | recorded, a task is due | → closed  |
 * | paused | OK, nothing                    | WorkflowResumed → open          | ends and is recorded; nothing new is given out | timers wait; time-outs of the run and of what runs count on | recorded | → closed |
 * | closed | WORKFLOW_CLOSED                | WORKFLOW_CLOSED                 | –                   | –                      | –                      | –          |
 *
 * The bit is looked at in the step that would give a task out, so no task leaves after the answer to a pause. What became due
 * meanwhile is due at the resume; attempts that waited for a worker wait anew, so that a pause times no queue out.
 */
import type { EventFolds } from './concepts.ts';
import { rememberRequest } from './requests.ts';
import { closed } from './signal.ts';
import { isOpen, type RunState } from './state.ts';
import { record, type Transition } from './transition.ts';

export interface PauseInput {
  readonly reason: string;
  readonly identity: string;
  readonly requestId: string;
}

export const pauseFolds: EventFolds<'workflowPaused' | 'workflowResumed'> = {
  workflowPaused(state, value, head) {
    state.paused = { since: head.time, reason: value.reason, identity: value.identity };
    rememberRequest(state, value.requestId, head.time);
    // References that matching holds are refused when they are claimed; others are offered at the resume.
    state.live.taskOffered = false;
    for (const activity of state.activities.values()) activity.live.offered = false;
    // A refused close is decided again only after the resume: nobody waits for it so long.
    state.live.closeRefused = false;
  },
  workflowResumed(state, value, head) {
    state.paused = undefined;
    rememberRequest(state, value.requestId, head.time);
    for (const activity of state.activities.values()) {
      if (activity.startedAt === 0 && activity.dueAt < head.time) activity.dueAt = head.time;
    }
    // What came due meanwhile happens in this very step.
    state.live.nextDue = 0;
  },
};

/** Holds the run, once. Throws WORKFLOW_CLOSED. */
export function pause(t: Transition, input: PauseInput): void {
  if (isRepeated(t.state, input) || t.state.paused !== undefined) return;
  record(t, { $case: 'workflowPaused', value: { ...input } });
}

/** Lets the run go on. Throws WORKFLOW_CLOSED. */
export function resume(t: Transition, input: PauseInput): void {
  if (isRepeated(t.state, input) || t.state.paused === undefined) return;
  record(t, { $case: 'workflowResumed', value: { ...input } });
}

/** A repeated request must not undo what came after its first try. */
function isRepeated(state: RunState, { requestId }: PauseInput): boolean {
  if (state.requestIds.has(requestId)) return true;
  if (!isOpen(state)) throw closed(state);
  return false;
}
