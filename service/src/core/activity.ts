/**
 * Activity. An attempt that fails and is followed by another is a mark, not an event.
 *
 * | state    | ScheduleActivity       | claim              | completed          | failed / timed out            | CancelActivity            | canceled by worker | run closes |
 * |----------|------------------------|--------------------|--------------------|-------------------------------|---------------------------|--------------------|------------|
 * | (none)   | ActivityScheduled → due | –                 | NOT_FOUND          | NOT_FOUND                     | –                         | NOT_FOUND          | –          |
 * | due      | BAD_COMMAND            | → started (mark)   | counts as its start | counts as its start; time-outs close | requested, Canceled at once | counts as its start | gone  |
 * | started  | BAD_COMMAND            | gone               | ActivityCompleted  | retry → back-off (mark), else Failed / TimedOut | requested    | ActivityCanceled if requested, else a failure | gone |
 * | back-off | BAD_COMMAND            | gone               | NOT_FOUND          | schedule-to-close closes      | requested, Canceled at once | NOT_FOUND        | gone       |
 * | ended    | BAD_COMMAND            | gone               | NOT_FOUND          | NOT_FOUND                     | requested (no effect)     | NOT_FOUND          | –          |
 *
 * The start of the last attempt a policy allows is durable before it is handed out; other starts are lazy marks. A start that
 * is taken back, because its answer got lost or came back untouched, is a mark too: the attempt is due again.
 */
import type { Failure } from '@perdure/proto/perdure/api/v1/failure';
import type { Mark } from '@perdure/proto/perdure/server/v1/mark';
import { applyLimits } from './activity-operators.ts';
import type { EventFolds, MarkFolds } from './concepts.ts';
import { deliver } from './concepts.ts';
import { KEPT_FAILURES } from './limits.ts';
import type { Activity, RunState } from './state.ts';
import { fromDuration } from './time.ts';

type ActivityEvents =
  | 'activityScheduled'
  | 'activityCompleted'
  | 'activityFailed'
  | 'activityTimedOut'
  | 'activityCancelRequested'
  | 'activityCanceled';

export const activityFolds: EventFolds<ActivityEvents> = {
  activityScheduled(state, value, head) {
    state.lastActivity = value.number;
    state.activities.set(value.number, {
      number: value.number,
      scheduledEventId: head.id,
      scheduledAt: head.time,
      activityId: value.activityId,
      activityType: value.activityType,
      taskQueue: value.taskQueue,
      input: value.input,
      header: value.header,
      scheduleToCloseMs: fromDuration(value.scheduleToCloseTimeout),
      scheduleToStartMs: fromDuration(value.scheduleToStartTimeout),
      startToCloseMs: fromDuration(value.startToCloseTimeout),
      heartbeatMs: fromDuration(value.heartbeatTimeout),
      retryPolicy: value.retryPolicy,
      attempt: 1,
      dueAt: head.time,
      startedAt: 0,
      startNumber: 0,
      identity: '',
      workerId: '',
      claimId: '',
      heartbeatDetails: undefined,
      cancelRequested: false,
      failureCount: 0,
      failures: [],
      live: { offered: false, heartbeatAt: 0, heartbeatMarkedAt: 0, detailsUnwritten: false },
    });
  },
  activityCompleted: (state, value, head) => end(state, value.number, head),
  activityFailed: (state, value, head) => end(state, value.number, head),
  activityTimedOut: (state, value, head) => end(state, value.number, head),
  activityCanceled: (state, value, head) => end(state, value.number, head),
  activityCancelRequested(state, value) {
    const activity = state.activities.get(value.number);
    if (activity !== undefined) activity.cancelRequested = true;
  },
};

function end(state: RunState, number: number, head: Parameters<typeof deliver>[1]): void {
  state.activities.delete(number);
  deliver(state, head);
}

type ActivityMarks = 'activityAttemptStarted' | 'activityAttemptReturned' | 'activityAttemptFailed' | 'activityHeartbeatRecorded';

export const activityMarks: MarkFolds<ActivityMarks> = {
  activityAttemptStarted(state, value, time) {
    const activity = state.activities.get(value.number);
    if (activity === undefined || activity.attempt !== value.attempt) return;
    activity.startedAt = time;
    activity.startNumber = value.startNumber;
    activity.identity = value.identity;
    activity.workerId = value.workerId;
    activity.claimId = value.claimId;
    const { detailsUnwritten } = activity.live;
    activity.live = { offered: false, heartbeatAt: time, heartbeatMarkedAt: time, detailsUnwritten };
  },
  activityAttemptReturned(state, value) {
    const activity = state.activities.get(value.number);
    // The start itself may not have been written.
    if (activity === undefined || activity.attempt !== value.attempt || activity.startNumber > value.startNumber) return;
    activity.startedAt = 0;
    activity.startNumber = value.startNumber;
    activity.claimId = '';
    rest(activity);
  },
  activityAttemptFailed(state, value, time) {
    const activity = state.activities.get(value.number);
    if (activity === undefined || activity.attempt !== value.attempt) return;
    keepFailure(activity, value.failure, time);
    activity.attempt += 1;
    activity.dueAt = Number(value.nextAttemptMs);
    activity.startedAt = 0;
    activity.startNumber = activity.operated?.startBase ?? 0;
    activity.claimId = '';
    if (value.heartbeatDetails !== undefined) activity.heartbeatDetails = value.heartbeatDetails;
    activity.live = { offered: false, heartbeatAt: 0, heartbeatMarkedAt: 0, detailsUnwritten: false };
    rest(activity);
  },
  activityHeartbeatRecorded(state, value) {
    const activity = state.activities.get(value.number);
    if (activity?.attempt !== value.attempt) return;
    activity.heartbeatDetails = value.details;
    activity.live.detailsUnwritten = false;
  },
};

/** No attempt runs any more: what operators asked for meanwhile takes effect. */
function rest(activity: Activity): void {
  const { operated } = activity;
  if (operated === undefined) return;
  applyLimits(activity);
  if (!operated.resetRequested) return;
  operated.resetRequested = false;
  activity.attempt = 1;
  activity.startNumber = operated.startBase;
}

/** Keeps the first failure and the last ones. */
function keepFailure(activity: Activity, failure: Failure | undefined, time: number): void {
  activity.failureCount += 1;
  activity.failures.push({ attempt: activity.attempt, time, failure });
  if (activity.failures.length > KEPT_FAILURES + 1) activity.failures.splice(1, 1);
}

/** The activity of a token, if that attempt is still wanted. A due attempt not known as started counts as started by its worker's word. */
export function activityOf(state: RunState, token: { number: number; attempt: number; startNumber: number }): Activity | undefined {
  const activity = state.activities.get(token.number);
  if (activity === undefined || activity.attempt !== token.attempt) return undefined;
  if (activity.startedAt > 0) return activity.startNumber === token.startNumber ? activity : undefined;
  return token.startNumber >= activity.startNumber ? activity : undefined;
}

/** Whether an attempt waits for a worker at `now`. */
export function isDue(activity: Activity, now: number): boolean {
  return activity.startedAt === 0 && activity.dueAt <= now && activity.operated?.paused === undefined;
}

/** When the next attempt becomes due, or became so; Infinity while an attempt runs and while the activity is paused. */
export function dueTime(activity: Activity): number {
  return activity.startedAt === 0 && activity.operated?.paused === undefined ? activity.dueAt : Number.POSITIVE_INFINITY;
}

/** True when a lazy start mark still says something: its attempt runs. */
export function isStartMarkWanted(state: RunState, mark: Mark): boolean {
  if (mark.attributes?.$case !== 'activityAttemptStarted') return true;
  const { number, attempt, startNumber } = mark.attributes.value;
  const activity = state.activities.get(number);
  return activity !== undefined && activity.attempt === attempt && activity.startNumber === startNumber && activity.startedAt > 0;
}
