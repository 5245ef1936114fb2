// Errors that cross the border between user code and the log, and their way to and from the protocol. No Node imports: also runs in the sandbox.

import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import { type Failure, RetryState, TimeoutType } from '@perdure/proto/perdure/api/v1/failure';
import { type Duration, durationToProto, protoToMs, toMs } from './duration.ts';
import { decodeValue, encodeValue, type PayloadConverter } from './payload-converter.ts';

/** Written into Failure.source. */
const SOURCE = 'typescript';
/** Causes beyond this depth are dropped: chains may be cyclic or endless. */
const MAX_DEPTH = 20;
const MAX_STACK = 8 * 1024;
const MAX_MESSAGE = 16 * 1024;

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

const CLASSES = new Map<unknown, string>([
  [PerdureFailure, ''],
  [ApplicationFailure, 'ApplicationFailure'],
  [ActivityFailure, 'ActivityFailure'],
  [TimeoutFailure, 'TimeoutFailure'],
  [CancelledFailure, 'CancelledFailure'],
  [TerminatedFailure, 'TerminatedFailure'],
  [ServiceFailure, 'ServiceFailure'],
]);

/** True for a CancelledFailure, and for an ActivityFailure (or other wrapper) that was caused by one. */
export function isCancellation(error: unknown): boolean {
  return error instanceof CancelledFailure || (error instanceof ActivityFailure && error.cause instanceof CancelledFailure);
}

const RETRY_STATES: Record<number, RetryStateName> = {
  [RetryState.NON_RETRYABLE]: 'nonRetryable',
  [RetryState.MAXIMUM_ATTEMPTS_REACHED]: 'maximumAttemptsReached',
  [RetryState.TIMED_OUT]: 'timedOut',
  [RetryState.CANCEL_REQUESTED]: 'cancelRequested',
};
const TIMEOUTS: Record<number, TimeoutName> = {
  [TimeoutType.SCHEDULE_TO_CLOSE]: 'scheduleToClose',
  [TimeoutType.SCHEDULE_TO_START]: 'scheduleToStart',
  [TimeoutType.START_TO_CLOSE]: 'startToClose',
  [TimeoutType.HEARTBEAT]: 'heartbeat',
  [TimeoutType.RUN]: 'run',
  [TimeoutType.EXECUTION]: 'execution',
};

/** The protocol's retry state in words. */
export function retryStateName(state: RetryState): RetryStateName {
  return RETRY_STATES[state] ?? 'unspecified';
}

/** The protocol's timeout type in words. */
export function timeoutName(type: TimeoutType): TimeoutName {
  return TIMEOUTS[type] ?? 'unspecified';
}

function codeOf<T extends number>(names: Record<number, string>, name: string): T {
  return Number(Object.keys(names).find((code) => names[Number(code)] === name) ?? 0) as T;
}

/** A failure of the protocol as an error; its stack is the one recorded. Details that cannot be read become a PayloadDecodeError in their place. */
export function failureToError(failure: Failure, converter: PayloadConverter): Error {
  const error = build(failure, converter, failure.cause === undefined ? undefined : failureToError(failure.cause, converter));
  // The place where this object was made says nothing; the place where the failure happened does.
  Object.defineProperty(error, 'stack', {
    value: failure.stackTrace === '' ? `${error.name}: ${error.message}` : failure.stackTrace,
    writable: true,
    configurable: true,
  });
  return error;
}

function build(failure: Failure, converter: PayloadConverter, cause: Error | undefined): Error {
  const info = failure.info;
  switch (info?.$case) {
    case undefined:
      return new ApplicationFailure({ message: failure.message, cause });
    case 'application': {
      const { type, nonRetryable, nextRetryDelay } = info.value;
      const details = readAll(converter, info.value.details);
      return new ApplicationFailure({
        message: failure.message,
        type,
        nonRetryable,
        details,
        nextRetryDelay: protoToMs(nextRetryDelay),
        cause,
      });
    }
    case 'timeout': {
      const last = info.value.lastHeartbeatDetails;
      return new TimeoutFailure(failure.message, timeoutName(info.value.timeoutType), last && read(converter, last), cause);
    }
    case 'canceled':
      return new CancelledFailure(failure.message, readAll(converter, info.value.details), cause);
    case 'terminated':
      return new TerminatedFailure(failure.message, info.value.identity, cause);
    case 'activity':
      return new ActivityFailure(failure.message, { ...info.value, retryState: retryStateName(info.value.retryState) }, cause);
    case 'service':
      return new ServiceFailure(failure.message, info.value.reason, info.value.nonRetryable, cause);
  }
}

function read(converter: PayloadConverter, payload: Payload): unknown {
  try {
    return decodeValue(converter, payload, 'failure detail');
  } catch (error) {
    return error;
  }
}

function readAll(converter: PayloadConverter, payloads: readonly Payload[]): unknown[] {
  return payloads.map((payload) => read(converter, payload));
}

/** Anything thrown, as a failure of the protocol. Never throws: what cannot be serialized is said in its place. */
export function errorToFailure(thrown: unknown, converter: PayloadConverter): Failure {
  return convert(thrown, converter, new Set(), 0);
}

function convert(thrown: unknown, converter: PayloadConverter, seen: Set<unknown>, depth: number): Failure {
  if (!isError(thrown)) {
    const text = textOf(thrown);
    return application(`thrown: ${text}`, '', 'NonError', { details: writeAll(converter, [thrown]), nonRetryable: false });
  }
  seen.add(thrown);
  const failure = ownFailure(thrown, converter);
  const cause = safely(() => thrown.cause);
  if (cause !== undefined && cause !== null && depth < MAX_DEPTH && !seen.has(cause))
    failure.cause = convert(cause, converter, seen, depth + 1);
  return failure;
}

/** The failure of one error, its cause aside. */
function ownFailure(error: Error, converter: PayloadConverter): Failure {
  const message = cut(String(safely(() => error.message) ?? ''), MAX_MESSAGE);
  const stack = cut(String(safely(() => error.stack) ?? ''), MAX_STACK);
  const make = (info: Failure['info']): Failure => ({ message, stackTrace: stack, source: SOURCE, cause: undefined, info });
  if (error instanceof ApplicationFailure) {
    const { type, nonRetryable, details, nextRetryDelay } = error;
    return application(message, stack, type, { details: writeAll(converter, details), nonRetryable, nextRetryDelay });
  }
  if (error instanceof CancelledFailure) return make({ $case: 'canceled', value: { details: writeAll(converter, error.details) } });
  if (error instanceof TimeoutFailure) {
    const last = error.lastHeartbeatDetails;
    const lastHeartbeatDetails = last === undefined ? undefined : write(converter, last);
    return make({ $case: 'timeout', value: { timeoutType: codeOf<TimeoutType>(TIMEOUTS, error.timeoutType), lastHeartbeatDetails } });
  }
  if (error instanceof TerminatedFailure) return make({ $case: 'terminated', value: { identity: error.identity } });
  if (error instanceof ServiceFailure) return make({ $case: 'service', value: { reason: error.reason, nonRetryable: error.nonRetryable } });
  if (error instanceof ActivityFailure) {
    const { activityId, activityType, attempt, identity } = error;
    return make({
      $case: 'activity',
      value: { activityId, activityType, attempt, identity, retryState: codeOf<RetryState>(RETRY_STATES, error.retryState) },
    });
  }
  const details = safely(() => (error as { details?: unknown }).details);
  const nonRetryable = safely(() => (error as { nonRetryable?: unknown }).nonRetryable) === true;
  return application(message, stack, typeOf(error), { details: Array.isArray(details) ? writeAll(converter, details) : [], nonRetryable });
}

function application(
  message: string,
  stackTrace: string,
  type: string,
  rest: { details: Payload[]; nonRetryable: boolean; nextRetryDelay?: number | undefined },
): Failure {
  const nextRetryDelay = durationToProto(rest.nextRetryDelay, 'nextRetryDelay');
  const { details, nonRetryable } = rest;
  return {
    message,
    stackTrace,
    source: SOURCE,
    cause: undefined,
    info: { $case: 'application', value: { type, nonRetryable, details, nextRetryDelay } },
  };
}

/** The name users know an error by: what it calls itself, else its class. */
export function typeOf(error: Error): string {
  const name = safely(() => error.name);
  if (typeof name === 'string' && name !== '' && name !== 'Error') return name;
  const className = safely(() => error.constructor.name);
  return typeof className === 'string' && className !== '' ? className : 'Error';
}

/** True for errors of any realm. */
export function isError(value: unknown): value is Error {
  if (value instanceof Error) return true;
  return typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object Error]';
}

function write(converter: PayloadConverter, value: unknown): Payload {
  try {
    return encodeValue(converter, value, 'failure detail');
  } catch (error) {
    return encodeValue(converter, `[${(error as Error).message}]`, 'failure detail');
  }
}

function writeAll(converter: PayloadConverter, values: readonly unknown[]): Payload[] {
  return values.map((value) => write(converter, value));
}

/** Getters and toString of user errors may throw; that must not hide the error. */
function safely<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'object' && value !== null)
    return cut(safely(() => JSON.stringify(value)) ?? Object.prototype.toString.call(value), MAX_MESSAGE);
  return cut(safely(() => String(value)) ?? typeof value, MAX_MESSAGE);
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}… (${text.length - limit} characters more)`;
}
