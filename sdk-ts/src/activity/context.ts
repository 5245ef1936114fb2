/** What activity code knows about the attempt it runs in. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Duration } from '../common/duration.ts';
import type { Headers } from '../common/interceptor.ts';
import type { LogLevel } from '../common/log.ts';

/** Facts of one attempt. They do not change while it runs. */
export interface ActivityInfo {
  readonly namespace: string;
  /** The run that asked for the activity. */
  readonly workflowExecution: { readonly workflowId: string; readonly runId: string };
  readonly workflowType: string;
  /** Unique within the run. */
  readonly activityId: string;
  readonly activityType: string;
  readonly taskQueue: string;
  /** 1, 2, … */
  readonly attempt: number;
  /** The same for all attempts of this activity and for no other: give it to systems that ignore what they have seen before. */
  readonly idempotencyKey: string;
  /** Names this attempt to `client.activity` in any process: text (base64), to be kept as it is. */
  readonly taskToken: string;
  /** When the workflow asked for the activity. */
  readonly scheduledTime: Date;
  /** When the service gave out this attempt. */
  readonly startedTime: Date;
  /** When this attempt is given up, on this machine's clock; undefined without a limit. */
  readonly deadline: Date | undefined;
  /** Ms within which the service wants a sign of life; undefined without such a limit. The SDK sends them by itself. */
  readonly heartbeatTimeout: number | undefined;
  /** What an earlier attempt reported last by `heartbeat`; undefined if nothing. */
  readonly heartbeatDetails: unknown;
  /** What the workflow's interceptors sent along: text by name. */
  readonly headers: Headers;
}

/** The attempt that runs. */
export interface ActivityContext {
  readonly info: ActivityInfo;
  /**
   * Aborted when the code should stop: the workflow cancelled the activity (CancelledFailure), time is up (TimeoutFailure), an operator
   * has paused or reset the activity (CancelledFailure; an attempt that stops for it does not count), or the worker shuts down
   * (CancelledFailure). Its `reason` says which; rethrowing it is the usual way to stop.
   */
  readonly signal: AbortSignal;
  /**
   * Reports progress: the next attempt finds the last details in `info.heartbeatDetails`. Returns at once; details are sent at most
   * once a second, the newest win, and they are always sent before the attempt's failure.
   */
  heartbeat(details?: unknown): void;
  /** One line in the worker's log, with the attempt's ids. */
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Waits; rejects with the signal's reason when it is aborted. */
  sleep(duration: Duration): Promise<void>;
}

/** What `completeAsync` throws. Let it pass: code that catches it and returns has completed the activity by what it returns. */
export class CompleteAsyncError extends Error {
  override readonly name: string = 'CompleteAsyncError';
}

const storage = new AsyncLocalStorage<ActivityContext>();

/** Runs `body` as the code of an attempt. */
export function runInContext<T>(context: ActivityContext, body: () => T): T {
  return storage.run(context, body);
}

/** The attempt whose code runs now, or whose promise was rejected; undefined outside of activity code. */
export function runningActivity(): ActivityContext | undefined {
  return storage.getStore();
}

function current(): ActivityContext {
  const context = storage.getStore();
  if (!context) throw new Error('no activity is running here: this can be called only by activity code while a worker runs it');
  return context;
}

/** The attempt that runs: `Context.current()`. */
export const Context: {
  /** Throws outside of activity code. */
  current(): ActivityContext;
} = { current };

/** Facts of the running attempt. Throws outside of activity code. */
export function activityInfo(): ActivityInfo {
  return current().info;
}

/** Reports progress of the running attempt; see ActivityContext.heartbeat. Throws outside of activity code. */
export function heartbeat(details?: unknown): void {
  current().heartbeat(details);
}

/** Aborted when the running attempt should stop; see ActivityContext.signal. Throws outside of activity code. */
export function cancellationSignal(): AbortSignal {
  return current().signal;
}

/** Waits; rejects when the running attempt should stop. Throws outside of activity code. */
export function sleep(duration: Duration): Promise<void> {
  return current().sleep(duration);
}

/**
 * Leaves the attempt open: the function ends here, its slot is free, and the worker says nothing more of it, no sign of life either.
 * Whoever holds `activityInfo().taskToken`, or knows the activity's names, ends it by `client.activity`. Until then the activity's
 * time-outs count as ever; when one ends the attempt, the activity is tried again. Throws CompleteAsyncError, and Error outside of
 * activity code.
 */
export function completeAsync(): never {
  current();
  throw new CompleteAsyncError('the activity is completed by another process');
}
