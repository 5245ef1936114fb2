/** One attempt of an activity while it runs: its context, its signs of life, its end. */
import type { ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import { type ActivityContext, type ActivityInfo, runInContext } from '../activity/context.ts';
import type { Clock } from '../common/clock.ts';
import { protoToMs, timestampToMs, toMs } from '../common/duration.ts';
import { headersOf } from '../common/interceptor.ts';
import { decodeValue } from '../common/payload-converter.ts';
import type { Link } from './link.ts';

/** Ms between two heartbeats of one attempt that carry details, unless its timeout asks for more. */
const DETAILS_INTERVAL_MS = 1_000;
/** Ms between heartbeats of an attempt without a heartbeat timeout: by their answers it learns of cancel requests. */
const QUIET_INTERVAL_MS = 10_000;

/** Why an attempt was told to stop. */
export type StopCause = 'cancel' | 'deadline' | 'unwanted' | 'shutdown' | 'paused' | 'reset';

/** State of a running attempt. Times are on the monotonic clock, in ms. */
export interface Attempt {
  readonly task: ActivityTask;
  /** Infinity without a limit. */
  readonly deadline: number;
  /** Ms between signs of life. */
  readonly aliveEvery: number;
  /** When it arrived. */
  readonly since: number;
  lastBeat: number;
  /** Heartbeats in a row that did not arrive, and when to try again. */
  lostBeats: number;
  beatAgainAt: number;
  /** The heartbeat in flight. */
  beat: Promise<void> | undefined;
  /** Details reported and not yet sent. */
  details: { readonly value: unknown } | undefined;
  stopped: { readonly cause: StopCause; readonly reason: unknown } | undefined;
  controller: AbortController | undefined;
  context: ActivityContext | undefined;
  /** Ends the attempt by an error, once its code runs. */
  crash: ((reason: unknown) => void) | undefined;
}

export function createAttempt(task: ActivityTask, clock: Clock): Attempt {
  const now = clock.monotonic();
  const startToClose = positive(protoToMs(task.startToCloseTimeout));
  const scheduleToClose = positive(protoToMs(task.scheduleToCloseTimeout));
  // Both times of the first difference are the service's: clocks of machines are never compared.
  const left = scheduleToClose - (timestampToMs(task.startedTime) - timestampToMs(task.scheduledTime));
  const heartbeatTimeout = positive(protoToMs(task.heartbeatTimeout));
  return {
    task,
    deadline: now + Math.min(startToClose, left),
    aliveEvery: Number.isFinite(heartbeatTimeout) ? heartbeatTimeout / 3 : QUIET_INTERVAL_MS,
    since: now,
    lastBeat: now,
    lostBeats: 0,
    beatAgainAt: Number.POSITIVE_INFINITY,
    beat: undefined,
    details: undefined,
    stopped: undefined,
    controller: undefined,
    context: undefined,
    crash: undefined,
  };
}

/** 0 and absent mean "no limit". */
function positive(ms: number | undefined): number {
  return ms !== undefined && ms > 0 ? ms : Number.POSITIVE_INFINITY;
}

/** When the attempt's next heartbeat should leave. */
export function beatDue(attempt: Attempt): number {
  if (attempt.beat || attempt.stopped?.cause === 'unwanted') return Number.POSITIVE_INFINITY;
  const regular =
    attempt.lastBeat +
    (attempt.details && attempt.lostBeats === 0 ? Math.min(DETAILS_INTERVAL_MS, attempt.aliveEvery) : attempt.aliveEvery);
  return Math.min(regular, attempt.beatAgainAt);
}

/** Tells the code to stop; only the first cause counts. */
export function stopAttempt(attempt: Attempt, cause: StopCause, reason: Error): void {
  if (attempt.stopped) return;
  attempt.stopped = { cause, reason };
  const { controller, context } = attempt;
  // Listeners are code of the activity: they may ask for its context.
  if (controller && context) runInContext(context, () => controller.abort(reason));
}

/** True if the code ended because it was told to: it threw the signal's reason, or what was aborted by it threw its own error. */
export function endedByStop(attempt: Attempt, thrown: unknown): boolean {
  if (!attempt.stopped) return false;
  if (thrown === attempt.stopped.reason) return true;
  const name = typeof thrown === 'object' && thrown !== null ? (thrown as { name?: unknown }).name : undefined;
  return name === 'AbortError' || name === 'CancelledFailure';
}

/** What an attempt needs of its worker. */
export type AttemptLink = Pick<Link, 'clock' | 'log' | 'converter'>;

/** What the code sees. `beatSoon` is called when details were reported. */
export function contextOf(attempt: Attempt, link: AttemptLink, beatSoon: () => void): ActivityContext {
  const { clock, log } = link;
  let info: ActivityInfo | undefined;
  const context: ActivityContext = {
    get info() {
      info ??= infoOf(attempt, link);
      return info;
    },
    // Most activities never ask for it.
    get signal() {
      if (!attempt.controller) {
        attempt.controller = new AbortController();
        if (attempt.stopped) attempt.controller.abort(attempt.stopped.reason);
      }
      return attempt.controller.signal;
    },
    heartbeat(details) {
      if (details !== undefined) attempt.details = { value: details };
      beatSoon();
    },
    log(level, message, fields) {
      const { execution, activityId, activityType, attempt: number } = attempt.task;
      const ids = { workflowId: execution?.workflowId, runId: execution?.runId, activityId, activityType, attempt: number };
      log(level, message, { ...ids, ...fields });
    },
    sleep: (duration) => sleepUnless(context.signal, clock, toMs(duration, 'duration')),
  };
  attempt.context = context;
  return context;
}

function sleepUnless(signal: AbortSignal, clock: Clock, ms: number): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      timer.cancel();
      reject(signal.reason);
    };
    const timer = clock.setTimer(ms, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    signal.addEventListener('abort', stop, { once: true });
  });
}

function infoOf(attempt: Attempt, { clock, converter }: AttemptLink): ActivityInfo {
  const { task } = attempt;
  const { workflowId = '', runId = '' } = task.execution ?? {};
  const { namespace, workflowType, activityId, activityType, taskQueue, attempt: number } = task;
  const deadline = Number.isFinite(attempt.deadline) ? new Date(clock.now() + attempt.deadline - clock.monotonic()) : undefined;
  const details: Payload | undefined = task.heartbeatDetails;
  return Object.freeze({
    namespace,
    workflowExecution: Object.freeze({ workflowId, runId }),
    workflowType,
    activityId,
    activityType,
    taskQueue,
    attempt: number,
    idempotencyKey: `${runId}/${activityId}`,
    taskToken: Buffer.from(task.token).toString('base64'),
    scheduledTime: new Date(timestampToMs(task.scheduledTime)),
    startedTime: new Date(timestampToMs(task.startedTime)),
    deadline,
    heartbeatTimeout: protoToMs(task.heartbeatTimeout) || undefined,
    headers: headersOf(task.header),
    heartbeatDetails: decodeValue(converter, details, 'heartbeat details'),
  });
}
