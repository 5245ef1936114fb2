/**
 * What operators do to open activities: marks, so that it survives a crash, and no events: the code does not see it.
 *
 * | state              | pause                          | resume        | reset                                       | change of options                    |
 * |--------------------|--------------------------------|---------------|---------------------------------------------|--------------------------------------|
 * | due, back-off      | paused: no attempt begins      | –             | → due, attempt 1                            | at once                              |
 * | started            | told by its heartbeat; paused  | –             | told; the next attempt is number 1          | at once, but limits of the attempt   |
 * | paused             | –                              | → due         | → due, attempt 1, unless it is kept paused  | at once                              |
 * | ended, closed      | ACTIVITY_NOT_FOUND             | the same      | the same                                    | the same                             |
 *
 * A paused activity's schedule-to-close still counts; its schedule-to-start begins anew with resume. What a running attempt
 * reports is taken as ever. Start numbers never fall, so that no attempt before a reset passes for one after it.
 */
import type { ActivityOptions } from '@perdure/proto/perdure/api/v1/activity';
import type { RetryPolicy } from '@perdure/proto/perdure/api/v1/common';
import { PerdureError } from '../errors.ts';
import type { MarkFolds } from './concepts.ts';
import { type Activity, isOpen, type Operated, type RunState } from './state.ts';
import { fromDuration, toDuration } from './time.ts';
import { jitter, mark, type Transition } from './transition.ts';

/** What an operator asks for; absent options stay as they are, 0 ms removes a limit. */
export type ActivityChange =
  | { readonly kind: 'pause'; readonly reason: string; readonly identity: string }
  | { readonly kind: 'resume'; readonly jitterMs: number; readonly identity: string }
  | {
      readonly kind: 'reset';
      readonly jitterMs: number;
      readonly resetHeartbeatDetails: boolean;
      readonly keepPaused: boolean;
      readonly restoreOptions: boolean;
      readonly identity: string;
    }
  | {
      readonly kind: 'options';
      readonly options: ActivityOptions;
      readonly restoreOriginal: boolean;
      readonly identity: string;
    };

export interface OperateInput {
  readonly activityId: string;
  readonly change: ActivityChange;
}

/** The open activity of an id. Throws ACTIVITY_NOT_FOUND, which says whether the run is still open. */
export function activityById(state: RunState, activityId: string): Activity {
  if (isOpen(state)) for (const activity of state.activities.values()) if (activity.activityId === activityId) return activity;
  const { workflowId, runId } = state.identity;
  const why = isOpen(state) ? 'has no open activity' : 'has closed, and with it its activity';
  throw new PerdureError('ACTIVITY_NOT_FOUND', `run ${runId} of workflow "${workflowId}" ${why} "${activityId}"`, {
    workflow_id: workflowId,
    run_id: runId,
    activity_id: activityId,
  });
}

/** Applies the change; one that is there already writes nothing. Throws ACTIVITY_NOT_FOUND, and BAD_FIELD for options that do not fit. */
export function operateActivity(t: Transition, { activityId, change }: OperateInput): void {
  const activity = activityById(t.state, activityId);
  const { number } = activity;
  const { identity } = change;
  switch (change.kind) {
    case 'pause':
      if (activity.operated?.paused !== undefined) return;
      mark(t, { $case: 'activityPaused', value: { number, reason: change.reason, identity } });
      return;
    case 'resume':
      resume(t, activity, change.jitterMs, identity);
      return;
    case 'reset':
      reset(t, activity, change);
      return;
    case 'options':
      changeOptions(t, activity, change);
      return;
  }
}

function resume(t: Transition, { number, dueAt, operated }: Activity, jitterMs: number, identity: string): void {
  if (operated?.paused === undefined) return;
  const nextAttemptMs = BigInt(Math.ceil(Math.max(dueAt, t.env.now + jitterOf(t, jitterMs))));
  mark(t, { $case: 'activityResumed', value: { number, nextAttemptMs, identity } });
}

function reset(t: Transition, activity: Activity, change: Extract<ActivityChange, { kind: 'reset' }>): void {
  const { number } = activity;
  const { identity, resetHeartbeatDetails } = change;
  if (change.restoreOptions) restore(t, activity, identity);
  const nextAttemptMs = BigInt(Math.ceil(t.env.now + jitterOf(t, change.jitterMs)));
  mark(t, { $case: 'activityReset', value: { number, nextAttemptMs, resetHeartbeatDetails, identity } });
  if (!change.keepPaused) resume(t, activity, 0, identity);
}

function jitterOf(t: Transition, ms: number): number {
  return ms === 0 ? 0 : ms * jitter(t.env);
}

function changeOptions(t: Transition, activity: Activity, change: Extract<ActivityChange, { kind: 'options' }>): void {
  const { identity, options } = change;
  const { original } = activity.operated ?? {};
  const before = change.restoreOriginal && original !== undefined ? original : optionsOf(activity);
  const after: ActivityOptions = {
    taskQueue: options.taskQueue || before.taskQueue,
    scheduleToCloseTimeout: options.scheduleToCloseTimeout ?? before.scheduleToCloseTimeout,
    scheduleToStartTimeout: options.scheduleToStartTimeout ?? before.scheduleToStartTimeout,
    startToCloseTimeout: options.startToCloseTimeout ?? before.startToCloseTimeout,
    heartbeatTimeout: options.heartbeatTimeout ?? before.heartbeatTimeout,
    retryPolicy: options.retryPolicy ?? before.retryPolicy,
  };
  if (fromDuration(after.scheduleToCloseTimeout) === 0 && fromDuration(after.startToCloseTimeout) === 0) {
    const problem = 'schedule_to_close_timeout or start_to_close_timeout is required, both would be 0';
    throw new PerdureError('BAD_FIELD', `options: ${problem}`, { field: 'options' });
  }
  const isEmpty = Object.values(options).every((value) => value === undefined || value === '');
  if (isEmpty) {
    if (change.restoreOriginal) restore(t, activity, identity);
    return;
  }
  mark(t, { $case: 'activityOptionsChanged', value: { number: activity.number, options: after, restored: false, identity } });
}

function restore(t: Transition, { number, operated }: Activity, identity: string): void {
  const options = operated?.original;
  if (options !== undefined) mark(t, { $case: 'activityOptionsChanged', value: { number, options, restored: true, identity } });
}

/** The options as they count for the next attempt. */
export function optionsOf(activity: Activity): ActivityOptions {
  const limits = activity.operated?.nextLimits ?? activity;
  return {
    taskQueue: activity.taskQueue,
    scheduleToCloseTimeout: toDuration(activity.scheduleToCloseMs),
    scheduleToStartTimeout: toDuration(activity.scheduleToStartMs),
    startToCloseTimeout: toDuration(limits.startToCloseMs),
    heartbeatTimeout: toDuration(limits.heartbeatMs),
    retryPolicy: activity.retryPolicy,
  };
}

/** More than an attempt is ever handed out: start numbers of attempts with the same number do not meet. */
const STARTS_PER_RESET = 100_000;

function operatedOf(activity: Activity): Operated {
  activity.operated ??= { paused: undefined, original: undefined, nextLimits: undefined, resetRequested: false, startBase: 0 };
  return activity.operated;
}

export const operatorMarks: MarkFolds<'activityPaused' | 'activityResumed' | 'activityReset' | 'activityOptionsChanged'> = {
  activityPaused(state, { number, reason, identity }, time) {
    const activity = state.activities.get(number);
    if (activity !== undefined) operatedOf(activity).paused = { at: time, reason, identity };
  },
  activityResumed(state, value) {
    const activity = state.activities.get(value.number);
    if (activity === undefined) return;
    operatedOf(activity).paused = undefined;
    if (activity.startedAt === 0) activity.dueAt = Number(value.nextAttemptMs);
    // Its reference may have been spent while it was paused.
    activity.live.offered = false;
  },
  activityReset(state, value) {
    const activity = state.activities.get(value.number);
    if (activity === undefined) return;
    const operated = operatedOf(activity);
    operated.startBase += STARTS_PER_RESET;
    if (value.resetHeartbeatDetails) {
      activity.heartbeatDetails = undefined;
      activity.live.detailsUnwritten = false;
    }
    if (activity.startedAt > 0) {
      operated.resetRequested = true;
      return;
    }
    activity.attempt = 1;
    activity.startNumber = operated.startBase;
    activity.dueAt = Number(value.nextAttemptMs);
    activity.live.offered = false;
  },
  activityOptionsChanged(state, value) {
    const activity = state.activities.get(value.number);
    const { options } = value;
    if (activity === undefined || options === undefined) return;
    const operated = operatedOf(activity);
    operated.original = value.restored ? undefined : (operated.original ?? optionsOf(activity));
    if (activity.taskQueue !== options.taskQueue) activity.live.offered = false;
    activity.taskQueue = options.taskQueue;
    activity.scheduleToCloseMs = fromDuration(options.scheduleToCloseTimeout);
    activity.scheduleToStartMs = fromDuration(options.scheduleToStartTimeout);
    activity.retryPolicy = options.retryPolicy as RetryPolicy | undefined;
    // The worker was told the limits of its attempt: they stand until it ends.
    operated.nextLimits = {
      startToCloseMs: fromDuration(options.startToCloseTimeout),
      heartbeatMs: fromDuration(options.heartbeatTimeout),
    };
    if (activity.startedAt === 0) applyLimits(activity);
  },
};

/** No attempt runs: what was changed meanwhile counts from here on. */
export function applyLimits(activity: Activity): void {
  const { operated } = activity;
  if (operated?.nextLimits === undefined) return;
  activity.startToCloseMs = operated.nextLimits.startToCloseMs;
  activity.heartbeatMs = operated.nextLimits.heartbeatMs;
  operated.nextLimits = undefined;
}
