/** What happens to attempts: claims, results, heartbeats, time-outs (table in activity.ts). */
import type { Payload, WorkerInfo } from '@perdure/proto/perdure/api/v1/common';
import { Failure, RetryState, TimeoutType } from '@perdure/proto/perdure/api/v1/failure';
import type { ActivityTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import type { ActivityTaskToken } from '@perdure/proto/perdure/server/v1/token';
import { PerdureError } from '../errors.ts';
import { activityOf, dueTime, isDue } from './activity.ts';
import { activityById } from './activity-operators.ts';
import { cutFailure, failureOf } from './failures.ts';
import { decideRetry, isLastAttempt } from './retry.ts';
import { type Activity, isOpen, type RunState } from './state.ts';
import { mark, record, type Transition } from './transition.ts';

/** Heartbeat details are written at most this often; an attempt's end always writes them. */
const HEARTBEAT_MARK_MS = 60_000;
/** After a takeover a worker has at least this long to show that it lives. */
const SIGN_OF_LIFE_MS = 10_000;

export interface ActivityClaim {
  readonly number: number;
  readonly attempt: number;
  readonly claimId: string;
  readonly worker: WorkerInfo;
  /** The queue whose worker asks; absent: the activity's. */
  readonly queue?: string;
}

/** Hands the attempt out; undefined when it is not to be had. The same claim id gets the same answer again. */
export function claimActivity(t: Transition, claim: ActivityClaim): Activity | undefined {
  const activity = t.state.activities.get(claim.number);
  if (activity === undefined || !isOpen(t.state)) return undefined;
  if (activity.startedAt > 0) return activity.claimId === claim.claimId ? activity : undefined;
  if (activity.attempt !== claim.attempt || t.state.paused !== undefined) return undefined;
  // A reference left behind in the queue the activity had before says nothing about the one it has.
  if (claim.queue !== undefined && claim.queue !== activity.taskQueue) return undefined;
  if (!isDue(activity, t.env.now)) {
    // The reference is spent, and clocks step back: another must be offered when the time has come.
    activity.live.offered = false;
    return undefined;
  }
  markStarted(t, activity, activity.startNumber + 1, claim.worker, claim.claimId, !isLastAttempt(activity));
  return activity;
}

function markStarted(t: Transition, activity: Activity, startNumber: number, worker: WorkerInfo, claimId: string, lazy: boolean): void {
  const { number, attempt } = activity;
  const value = { number, attempt, startNumber, identity: worker.identity, workerId: worker.workerId, claimId };
  mark(t, { $case: 'activityAttemptStarted', value }, lazy);
}

export interface LostClaim {
  readonly number: number;
  readonly claimId: string;
  /** No worker can have begun: the answer never left the service, or its worker says so. A last attempt does not count either. */
  readonly unsent?: boolean;
}

/** The hand-out did not arrive. A durably started last attempt has to count as failed: it may have run. */
export function undoActivity(t: Transition, claim: LostClaim): void {
  const activity = t.state.activities.get(claim.number);
  if (activity === undefined || activity.startedAt === 0 || activity.claimId !== claim.claimId) return;
  if (isLastAttempt(activity) && claim.unsent !== true) {
    failAttempt(t, activity, failureOf('service', 'the attempt was handed out, but the answer did not arrive', 'DELIVERY_LOST'));
    return;
  }
  const { number, attempt, startNumber } = activity;
  if (activity.cancelRequested) {
    recordCanceled(t, activity, [], '');
    return;
  }
  writeDetailsOf(t, activity);
  mark(t, { $case: 'activityAttemptReturned', value: { number, attempt, startNumber } });
}

/** Ends the activity as canceled. */
export function recordCanceled(t: Transition, activity: Activity, details: Payload[], identity: string): void {
  const { number, attempt } = activity;
  const scheduledEventId = BigInt(activity.scheduledEventId);
  record(t, { $case: 'activityCanceled', value: { number, scheduledEventId, details, attempt, identity } });
}

/** Code that has begun is handed back at a worker's shutdown: a failed attempt; untouched tasks are as if not handed out. */
export function returnActivity(t: Transition, token: ActivityTaskToken, begun: boolean): void {
  const activity = activityOf(t.state, token);
  if (activity === undefined) return;
  // The worker itself says that nothing has run: that holds for a last attempt too.
  if (!begun) undoActivity(t, { number: activity.number, claimId: activity.claimId, unsent: true });
  else failAttempt(t, activity, failureOf('service', 'the worker shut down', 'WORKER_SHUTDOWN'));
}

/** How a report names its activity: by the token of an attempt, or by the activity's id, whatever attempt it is at. */
export type ActivityTarget = ActivityTaskToken | { readonly activityId: string };

/** The end of an attempt, by its worker, or of an activity by its id. Throws ACTIVITY_NOT_FOUND when it is no longer wanted. */
export function completeActivity(
  t: Transition,
  target: ActivityTarget,
  outcome: ActivityTaskCompletion['outcome'],
  worker: WorkerInfo,
): void {
  const activity = targetOf(t.state, target);
  const head = {
    number: activity.number,
    scheduledEventId: BigInt(activity.scheduledEventId),
    attempt: activity.attempt,
    identity: worker.identity,
  };
  if (outcome?.$case === 'completed') {
    record(t, { $case: 'activityCompleted', value: { ...head, result: outcome.value.result } });
  } else if (outcome?.$case === 'canceled' && activity.cancelRequested) {
    recordCanceled(t, activity, outcome.value.details, worker.identity);
  } else if (outcome?.$case === 'canceled') {
    failAttempt(t, activity, failureOf('application', 'the activity ended as canceled without a cancel request', 'UnrequestedCancel'));
  } else {
    failAttempt(t, activity, outcome?.value ?? failureOf('application', 'the completion had no outcome', 'NoOutcome'), worker.identity);
  }
}

export interface HeartbeatInput {
  readonly token: ActivityTarget;
  readonly details: Payload | undefined;
  readonly worker: WorkerInfo;
}

/** What an attempt learns by a sign of life. */
export interface HeartbeatAnswer {
  readonly cancelRequested: boolean;
  readonly paused: boolean;
  readonly reset: boolean;
}

/** A sign of life. Throws ACTIVITY_NOT_FOUND when the attempt is no longer wanted, and by id when none runs. */
export function heartbeatActivity(t: Transition, { token, details, worker }: HeartbeatInput): HeartbeatAnswer {
  const activity = targetOf(t.state, token);
  const { now } = t.env;
  if (activity.startedAt === 0) {
    if ('activityId' in token) throw notFound(t.state, `no attempt of activity "${token.activityId}" runs`);
    markStarted(t, activity, token.startNumber, worker, '', true);
  }
  activity.live.heartbeatAt = now;
  if (details !== undefined) {
    if (now - activity.live.heartbeatMarkedAt >= HEARTBEAT_MARK_MS) {
      activity.live.heartbeatMarkedAt = now;
      mark(t, { $case: 'activityHeartbeatRecorded', value: { number: activity.number, attempt: activity.attempt, details } });
    } else {
      activity.heartbeatDetails = details;
      activity.live.detailsUnwritten = true;
    }
  }
  const { cancelRequested, operated } = activity;
  return { cancelRequested, paused: operated?.paused !== undefined, reset: operated?.resetRequested === true };
}

/** True when attempts have reported details that only memory holds. */
export function hasUnwrittenDetails(state: RunState): boolean {
  for (const { live } of state.activities.values()) if (live.detailsUnwritten) return true;
  return false;
}

/** The run is about to leave memory: what its attempts have reported is written. */
export function writeDetails(t: Transition): void {
  for (const activity of t.state.activities.values()) writeDetailsOf(t, activity);
}

function writeDetailsOf(t: Transition, activity: Activity): void {
  const { number, attempt, live, heartbeatDetails: details } = activity;
  if (!live.detailsUnwritten) return;
  live.heartbeatMarkedAt = t.env.now;
  mark(t, { $case: 'activityHeartbeatRecorded', value: { number, attempt, details } });
}

function targetOf(state: RunState, target: ActivityTarget): Activity {
  if ('activityId' in target) return activityById(state, target.activityId);
  const activity = isOpen(state) ? activityOf(state, target) : undefined;
  if (activity !== undefined) return activity;
  throw notFound(state, `attempt ${target.attempt} of activity ${target.number} is no longer wanted: ${whyNot(state, target)}`);
}

function whyNot(state: RunState, { number, attempt }: ActivityTaskToken): string {
  if (!isOpen(state)) return 'the run has closed';
  const activity = state.activities.get(number);
  if (activity === undefined) return 'the activity has ended';
  if (activity.attempt === attempt) return activity.startedAt > 0 ? 'it was handed out again' : 'it was taken back';
  return `the current attempt is ${activity.attempt}`;
}

function notFound({ identity }: RunState, problem: string): PerdureError {
  return new PerdureError('ACTIVITY_NOT_FOUND', `${problem} (run ${identity.runId})`, { run_id: identity.runId });
}

/** Ends the attempt: another follows (mark), or the activity has failed (event). */
function failAttempt(t: Transition, activity: Activity, failure: Failure, identity = activity.identity): void {
  const decision = decideRetry(activity, failure, t.env.now);
  const head = { number: activity.number, scheduledEventId: BigInt(activity.scheduledEventId), attempt: activity.attempt };
  if ('retryAt' in decision) {
    const { number, attempt, heartbeatDetails } = activity;
    const nextAttemptMs = BigInt(Math.ceil(decision.retryAt));
    mark(t, { $case: 'activityAttemptFailed', value: { number, attempt, failure: cutFailure(failure), nextAttemptMs, heartbeatDetails } });
  } else if (decision.final === RetryState.TIMED_OUT) {
    const timeoutType = TimeoutType.SCHEDULE_TO_CLOSE;
    const lastHeartbeatDetails = activity.heartbeatDetails;
    const value = { ...head, timeoutType, lastFailure: failure, retryState: decision.final, lastHeartbeatDetails };
    record(t, { $case: 'activityTimedOut', value });
  } else if (failure.info?.$case === 'timeout') {
    const { timeoutType } = failure.info.value;
    const lastFailure = activity.failures.at(-1)?.failure;
    const lastHeartbeatDetails = activity.heartbeatDetails;
    const value = { ...head, timeoutType, lastFailure, retryState: decision.final, lastHeartbeatDetails };
    record(t, { $case: 'activityTimedOut', value });
  } else {
    record(t, { $case: 'activityFailed', value: { ...head, failure, retryState: decision.final, identity } });
  }
}

const CLOCKS = [TimeoutType.SCHEDULE_TO_CLOSE, TimeoutType.SCHEDULE_TO_START, TimeoutType.START_TO_CLOSE, TimeoutType.HEARTBEAT] as const;

/** When a clock of the activity runs out, Infinity when it does not run. */
function deadline(activity: Activity, clock: TimeoutType, { live: { claimedAt, loadedAt }, paused }: RunState): number {
  const never = Number.POSITIVE_INFINITY;
  const running = activity.startedAt > 0;
  if (clock === TimeoutType.SCHEDULE_TO_CLOSE)
    return activity.scheduleToCloseMs > 0 ? activity.scheduledAt + activity.scheduleToCloseMs : never;
  if (clock === TimeoutType.SCHEDULE_TO_START)
    return activity.scheduleToStartMs > 0 && paused === undefined ? dueTime(activity) + activity.scheduleToStartMs : never;
  if (!running) return never;
  const limit = clock === TimeoutType.HEARTBEAT ? activity.heartbeatMs : activity.startToCloseMs;
  if (limit === 0) return never;
  const since = clock === TimeoutType.HEARTBEAT ? activity.live.heartbeatAt : activity.startedAt;
  // A worker that lived through a takeover must get the chance to say so. Heartbeats are forgotten by every load.
  const known = clock === TimeoutType.HEARTBEAT ? loadedAt : claimedAt;
  return since < known ? Math.max(since + limit, known + Math.max(SIGN_OF_LIFE_MS, activity.heartbeatMs)) : since + limit;
}

/** Earliest time at which a clock of the activity runs out, Infinity if none does. */
export function nextDeadline(activity: Activity, state: RunState): number {
  let next = Number.POSITIVE_INFINITY;
  for (const clock of CLOCKS) next = Math.min(next, deadline(activity, clock, state));
  return next;
}

const NAMES: Record<number, string> = {
  [TimeoutType.SCHEDULE_TO_CLOSE]: 'schedule-to-close',
  [TimeoutType.SCHEDULE_TO_START]: 'schedule-to-start',
  [TimeoutType.START_TO_CLOSE]: 'start-to-close',
  [TimeoutType.HEARTBEAT]: 'heartbeat',
};

/** Handles time-outs that have passed: per activity the one that passed first. */
export function dueActivities(t: Transition): void {
  const { state } = t;
  for (const activity of [...state.activities.values()]) {
    const first = nextDeadline(activity, state);
    if (first > t.env.now) continue;
    const clock = CLOCKS.find((each) => deadline(activity, each, state) === first);
    if (clock !== undefined) timeOut(t, activity, clock);
  }
}

function timeOut(t: Transition, activity: Activity, timeoutType: TimeoutType): void {
  if (timeoutType === TimeoutType.START_TO_CLOSE || timeoutType === TimeoutType.HEARTBEAT) {
    const failure = Failure.create({
      message: `activity "${activity.activityType}" did not meet its ${NAMES[timeoutType]} timeout`,
      source: 'service',
      info: { $case: 'timeout', value: { timeoutType, lastHeartbeatDetails: activity.heartbeatDetails } },
    });
    failAttempt(t, activity, failure);
    return;
  }
  record(t, {
    $case: 'activityTimedOut',
    value: {
      number: activity.number,
      scheduledEventId: BigInt(activity.scheduledEventId),
      timeoutType,
      lastFailure: activity.failures.at(-1)?.failure,
      attempt: activity.attempt,
      retryState: RetryState.TIMED_OUT,
      lastHeartbeatDetails: activity.heartbeatDetails,
    },
  });
}
