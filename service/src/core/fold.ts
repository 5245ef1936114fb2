/** The only way in: state is built by folding events and marks, live and on recovery alike. */
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { Mark } from '@perdure/proto/perdure/server/v1/mark';
import { activityFolds, activityMarks } from './activity.ts';
import { operatorMarks } from './activity-operators.ts';
import { chainMarks } from './chain.ts';
import { childFolds } from './child.ts';
import type { EventFolds, Head, MarkFolds } from './concepts.ts';
import { deletionMarks } from './deletion.ts';
import { effectMarks } from './effects.ts';
import { externalFolds } from './external.ts';
import { forkFolds } from './fork.ts';
import { markerFolds } from './marker.ts';
import { pauseFolds } from './pause.ts';
import { signalFolds } from './signal.ts';
import { isOpen, type RunState } from './state.ts';
import { fromTimestamp } from './time.ts';
import { timerFolds } from './timer.ts';
import type { Folds } from './transition.ts';
import { updateFolds, updateMarks } from './update.ts';
import { workflowFolds, workflowMarks } from './workflow.ts';
import { taskFolds, taskMarks } from './workflow-task.ts';

export const eventFolds: EventFolds = {
  ...workflowFolds,
  ...taskFolds,
  ...activityFolds,
  ...timerFolds,
  ...signalFolds,
  ...childFolds,
  ...externalFolds,
  ...markerFolds,
  ...pauseFolds,
  ...updateFolds,
  ...forkFolds,
};
export const markFolds: MarkFolds = {
  ...workflowMarks,
  ...chainMarks,
  ...taskMarks,
  ...activityMarks,
  ...operatorMarks,
  ...effectMarks,
  ...deletionMarks,
  ...updateMarks,
};

/** Folds one event. `bytes` is the length of its frame. Throws when the log is not one: a gap, or a fact after the close. */
export function foldEvent(state: RunState, event: HistoryEvent, bytes: number): void {
  const id = Number(event.id);
  if (id !== state.nextEventId) throw new Error(`event ${id} follows event ${state.nextEventId - 1}`);
  if (id > 1 && !isOpen(state)) throw new Error(`event ${id} follows the close of the run`);
  const attributes = event.attributes;
  if (attributes === undefined) throw new Error(`event ${id} is of a kind this version does not know`);
  const head: Head = { id, time: fromTimestamp(event.time), event };
  state.nextEventId = id + 1;
  state.lastEventAt = head.time;
  state.historyBytes += bytes;
  (eventFolds[attributes.$case] as (state: RunState, value: unknown, head: Head) => void)(state, attributes.value, head);
}

/** Folds one mark. Marks of steps that have ended meanwhile have no effect. */
export function foldMark(state: RunState, mark: Mark): void {
  const attributes = mark.attributes;
  if (attributes === undefined) throw new Error('a mark is of a kind this version does not know');
  (markFolds[attributes.$case] as (state: RunState, value: unknown, time: number) => void)(
    state,
    attributes.value,
    fromTimestamp(mark.time),
  );
}

export const folds: Folds = { event: foldEvent, mark: foldMark };
