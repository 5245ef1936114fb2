// The failures user code throws and catches. No Node imports: also runs in the sandbox.

import { type Duration, toMs } from './duration.ts';

// Symbol.for is one per process, so that a class of the sandbox, of a second copy of the SDK and of the host know each other's errors.
const BRAND: unique symbol = Symbol.for('perdure.failure') as never;

function brandOf(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null ? (value as { [BRAND]?: string })[BRAND] : undefined;
}

/** Base of all failures. `instanceof` works across realms and copies of the SDK. */
export abstract class PerdureFailure extends Error {
  constructor(message: string, name: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = name;
    Object.defineProperty(this, BRAND, { value: name });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    const brand = brandOf(value);
    if (brand === undefined) return false;
    // Only the SDK's own classes go by brand; a user's subclass is an ordinary class.
    // biome-ignore lint/complexity/noThisInStatic: `this` is the class asked about
    const own = CLASSES.get(this);
    // biome-ignore lint/complexity/noThisInStatic: `this` is the class asked about
    return own === undefined ? Function.prototype[Symbol.hasInstance].call(this, value) : own === '' || own === brand;
  }
}

export interface ApplicationFailureOptions {
  message?: string | undefined;
  /** The kind of error; retry policies name it. Default: the name of the class. */
  type?: string | undefined;
  /** The activity is not tried again. Default false. */
  nonRetryable?: boolean | undefined;
  /** Any serializable values. */
  details?: readonly unknown[] | undefined;
  /** Wins over the retry policy's delay. */
  nextRetryDelay?: Duration | undefined;
  cause?: unknown;
}

/** Thrown by user code, in activities and in workflows. In a workflow it fails the run. */
export class ApplicationFailure extends PerdureFailure {
  readonly type: string;
  readonly nonRetryable: boolean;
  readonly details: readonly unknown[];
  /** Milliseconds. */
  readonly nextRetryDelay: number | undefined;

  constructor(options: ApplicationFailureOptions = {}) {
    super(options.message ?? '', 'ApplicationFailure', options.cause);
    this.type = options.type ?? new.target.name;
    this.nonRetryable = options.nonRetryable ?? false;
    this.details = options.details ?? [];
    this.nextRetryDelay = options.nextRetryDelay === undefined ? undefined : toMs(options.nextRetryDelay, 'nextRetryDelay');
  }

  /** A failure of the given shape. */
  static create(options: ApplicationFailureOptions): ApplicationFailure {
    return new ApplicationFailure(options);
  }

  /** A failure after which the activity is tried again, as its policy says. */
  static retryable(message: string, type?: string, ...details: unknown[]): ApplicationFailure {
    return new ApplicationFailure({ message, type, details });
  }

  /** A failure after which the activity is not tried again. */
  static nonRetryable(message: string, type?: string, ...details: unknown[]): ApplicationFailure {
    return new ApplicationFailure({ message, type, details, nonRetryable: true });
  }
}

export type RetryStateName = 'unspecified' | 'nonRetryable' | 'maximumAttemptsReached' | 'timedOut' | 'cancelRequested';

/** An activity ended without a result; `cause` says why. */
export class ActivityFailure extends PerdureFailure {
  readonly activityType: string;
  readonly activityId: string;
  readonly attempt: number;
  readonly retryState: RetryStateName;
  readonly identity: string;

  constructor(
    message: string,
    info: { activityType: string; activityId: string; attempt: number; retryState: RetryStateName; identity: string },
    cause?: unknown,
  ) {
    super(message, 'ActivityFailure', cause);
    this.activityType = info.activityType;
    this.activityId = info.activityId;
    this.attempt = info.attempt;
    this.retryState = info.retryState;
    this.identity = info.identity;
  }
}

/** A child workflow ended without a result, or was not started; `cause` says why. */
export class ChildWorkflowFailure extends PerdureFailure {
  readonly workflowId: string;
  /** The run that closed; empty when there was none. */
  readonly runId: string;
  readonly workflowType: string;

  constructor(message: string, info: { workflowId: string; runId: string; workflowType: string }, cause?: unknown) {
    super(message, 'ChildWorkflowFailure', cause);
    this.workflowId = info.workflowId;
    this.runId = info.runId;
    this.workflowType = info.workflowType;
  }
}

export type TimeoutName = 'unspecified' | 'scheduleToClose' | 'scheduleToStart' | 'startToClose' | 'heartbeat' | 'run' | 'execution';

/** A time limit was reached. */
export class TimeoutFailure extends PerdureFailure {
  readonly timeoutType: TimeoutName;
  readonly lastHeartbeatDetails: unknown;

  constructor(message: string, timeoutType: TimeoutName, lastHeartbeatDetails?: unknown, cause?: unknown) {
    super(message, 'TimeoutFailure', cause);
    this.timeoutType = timeoutType;
    this.lastHeartbeatDetails = lastHeartbeatDetails;
  }
}

/** Stopped because somebody asked for it. */
export class CancelledFailure extends PerdureFailure {
  readonly details: readonly unknown[];

  constructor(message = 'cancelled', details: readonly unknown[] = [], cause?: unknown) {
    super(message, 'CancelledFailure', cause);
    this.details = details;
  }
}

/** Ended from outside; the code was not asked. */
export class TerminatedFailure extends PerdureFailure {
  readonly identity: string;

  constructor(message: string, identity = '', cause?: unknown) {
    super(message, 'TerminatedFailure', cause);
    this.identity = identity;
  }
}

/** The service itself ended an attempt, for example with reason DELIVERY_LOST or WORKER_SHUTDOWN. */
export class ServiceFailure extends PerdureFailure {
  readonly reason: string;
  readonly nonRetryable: boolean;

  constructor(message: string, reason: string, nonRetryable = false, cause?: unknown) {
    super(message, 'ServiceFailure', cause);
    this.reason = reason;
    this.nonRetryable = nonRetryable;
  }
}

/** Lets a class that is defined elsewhere be known by its brand, like those of this file. */
export function registerFailure(own: abstract new (...facts: never[]) => PerdureFailure, name: string): void {
  CLASSES.set(own, name);
}

const CLASSES = new Map<unknown, string>([
  [PerdureFailure, ''],
  [ApplicationFailure, 'ApplicationFailure'],
  [ActivityFailure, 'ActivityFailure'],
  [ChildWorkflowFailure, 'ChildWorkflowFailure'],
  [TimeoutFailure, 'TimeoutFailure'],
  [CancelledFailure, 'CancelledFailure'],
  [TerminatedFailure, 'TerminatedFailure'],
  [ServiceFailure, 'ServiceFailure'],
]);

// A bundler renames classes that name themselves in their own body; their names are seen by users, and are types of failures.
for (const [own, name] of CLASSES) if (name !== '') Object.defineProperty(own, 'name', { value: name });

/** True for a CancelledFailure, and for an ActivityFailure or ChildWorkflowFailure that was caused by one. */
export function isCancellation(error: unknown): boolean {
  if (error instanceof CancelledFailure) return true;
  return (error instanceof ActivityFailure || error instanceof ChildWorkflowFailure) && isCancellation(error.cause);
}
