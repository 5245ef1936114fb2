/**
 * Fork: a run that goes on from an earlier place of another one, the base run.
 *
 * | what                    | in the copy (events up to the place)         | behind it                                          |
 * |-------------------------|----------------------------------------------|----------------------------------------------------|
 * | events                  | byte by byte, with their marks               | WorkflowForked, then what is taken over, in old order |
 * | time-outs of the run    | –                                            | count from WorkflowForked                          |
 * | timers                  | keep their due time                          | those that fired fire in old order                 |
 * | activities              | kept if completed                            | completed: their result is kept unless refused; else due again, first attempt, all time-outs from here |
 * | signals                 | kept                                         | taken over unless excluded                         |
 * | cancel request, pause   | kept; a fork is never paused                 | left                                               |
 * | updates                 | accepted: kept; asked by it and not accepted: asked again | accepted, or asked and undecided: asked again unless excluded |
 * | task failures, blocked  | forgotten                                    | –                                                  |
 */
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { WorkflowForked } from '@perdure/proto/perdure/api/v1/fork';
import { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { recordCanceled } from './activity-attempts.ts';
import { deliver, type EventFolds } from './concepts.ts';
import { rememberRequest } from './requests.ts';
import type { RunState } from './state.ts';
import { record, type Transition } from './transition.ts';

export const forkFolds: EventFolds<'workflowForked'> = {
  workflowForked(state, value, head) {
    state.forked = { baseRunId: value.baseRunId, eventId: head.id, time: head.time, reason: value.reason };
    rememberRequest(state, value.requestId, head.time);
    // Steps of the copy keep their names: who started a child for one is not asked again.
    state.originRunId = value.runId;
    state.startedAt = head.time;
    state.beginsAt = head.time;
    state.runDeadline = state.runTimeoutMs > 0 ? head.time + state.runTimeoutMs : 0;
    state.executionDeadline = state.executionTimeoutMs > 0 ? head.time + state.executionTimeoutMs : 0;
    state.paused = undefined;
    Object.assign(state.task, {
      attempt: 1,
      notBefore: 0,
      failure: undefined,
      cause: WorkflowTaskFailureCause.UNSPECIFIED,
      failedAt: 0,
      blockedSince: 0,
      stickyWorkerId: '',
    });
    beginAgain(state, head.time);
    deliver(state, head);
  },
};

/** No attempt of the base run concerns the fork; what they have reported helps the next one. */
function beginAgain(state: RunState, now: number): void {
  for (const activity of state.activities.values()) {
    state.activities.set(activity.number, {
      ...activity,
      scheduledAt: now,
      dueAt: now,
      attempt: 1,
      startedAt: 0,
      startNumber: 0,
      identity: '',
      workerId: '',
      claimId: '',
      failureCount: 0,
      failures: [],
      live: { offered: false, heartbeatAt: 0, heartbeatMarkedAt: 0, detailsUnwritten: false },
    });
  }
}

export interface ForkInput {
  readonly forked: Omit<WorkflowForked, 'runId' | 'randomSeed'>;
  readonly again: readonly NonNullable<HistoryEvent['attributes']>[];
}

/** The first own events of a fork, whose state is the fold of its copy. */
export function fork(t: Transition, { forked, again }: ForkInput): void {
  const { state } = t;
  record(t, { $case: 'workflowForked', value: { ...forked, runId: state.identity.runId, randomSeed: t.env.newId() } });
  for (const attributes of again) record(t, attributes);
  // They ran when the code gave them up, and do not run here.
  for (const activity of [...state.activities.values()]) if (activity.cancelRequested) recordCanceled(t, activity, [], '');
}
