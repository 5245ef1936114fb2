// Errors on their way to the log and back. No Node imports: also runs in the sandbox.

import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import { type Failure, RetryState, TimeoutType } from '@perdure/proto/perdure/api/v1/failure';
import { durationToProto, protoToMs } from './duration.ts';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  type RetryStateName,
  ServiceFailure,
  TerminatedFailure,
  TimeoutFailure,
  type TimeoutName,
} from './failure-classes.ts';
import { factsOf, fromFacts, NONDETERMINISM, NondeterminismError } from './nondeterminism.ts';
import { decodeValue, encodeValue, type PayloadConverter } from './payload-converter.ts';

export {
  ActivityFailure,
  ApplicationFailure,
  type ApplicationFailureOptions,
  CancelledFailure,
  ChildWorkflowFailure,
  isCancellation,
  PerdureFailure,
  type RetryStateName,
  ServiceFailure,
  TerminatedFailure,
  TimeoutFailure,
  type TimeoutName,
} from './failure-classes.ts';
export { NondeterminismError, type StepView } from './nondeterminism.ts';

/** Written into Failure.source. */
const SOURCE = 'typescript';
/** Causes beyond this depth are dropped: chains may be cyclic or endless. */
const MAX_DEPTH = 20;
const MAX_STACK = 8 * 1024;
const MAX_MESSAGE = 16 * 1024;
/** Characters of a type: an id of at most 1 000 bytes. */
const MAX_TYPE = 300;

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
  const usual = (of: Failure): Error => usualError(of, converter);
  return converter.failures === undefined ? usual(failure) : converter.failures.toError(failure, usual);
}

function usualError(failure: Failure, converter: PayloadConverter): Error {
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
      const nondeterminism = type === NONDETERMINISM ? fromFacts(details[0]) : undefined;
      if (nondeterminism !== undefined) return nondeterminism;
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
    case 'childWorkflow':
      return new ChildWorkflowFailure(failure.message, info.value, cause);
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
  const usual = (error: unknown): Failure => convert(readable(error), converter, new Set(), 0);
  const { failures } = converter;
  if (failures === undefined) return usual(thrown);
  // What says why something failed must not fail itself.
  return safely(() => failures.toFailure(thrown, usual)) ?? usual(thrown);
}

/** The same, unless it cannot even be looked at (a proxy whose traps throw): then an Error that says so. */
export function readable(thrown: unknown): unknown {
  try {
    isError(thrown);
    return thrown;
  } catch {
    return new Error('what was thrown cannot be read: looking at it throws');
  }
}

function convert(thrown: unknown, converter: PayloadConverter, seen: Set<unknown>, depth: number): Failure {
  if (!isError(thrown)) {
    const text = textOf(thrown);
    return application(`thrown: ${text}`, '', 'NonError', { details: writeAll(converter, [thrown]), nonRetryable: false });
  }
  seen.add(thrown);
  const failure = ownFailure(thrown, converter);
  const cause = safely(() => readable(thrown.cause));
  if (cause !== undefined && cause !== null && depth < MAX_DEPTH && !seen.has(cause))
    failure.cause = convert(cause, converter, seen, depth + 1);
  return failure;
}

/** The failure of one error, its cause aside. */
function ownFailure(error: Error, converter: PayloadConverter): Failure {
  const message = cut(String(safely(() => error.message) ?? ''), MAX_MESSAGE);
  const stack = cut(String(safely(() => error.stack) ?? ''), MAX_STACK);
  const make = (info: Failure['info']): Failure => ({
    message,
    stackTrace: stack,
    source: SOURCE,
    cause: undefined,
    encodedAttributes: undefined,
    info,
  });
  if (error instanceof ApplicationFailure) {
    const { type, nonRetryable, details, nextRetryDelay } = error;
    return application(message, stack, type, { details: writeAll(converter, details), nonRetryable, nextRetryDelay });
  }
  if (error instanceof NondeterminismError) {
    const details = [write(converter, factsOf(error))];
    return application(message, stack, NONDETERMINISM, { details, nonRetryable: false });
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
  if (error instanceof ChildWorkflowFailure) {
    const { workflowId, runId, workflowType } = error;
    return make({ $case: 'childWorkflow', value: { workflowId, runId, workflowType } });
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
  const name = cut(type, MAX_TYPE);
  return {
    message,
    stackTrace,
    source: SOURCE,
    cause: undefined,
    encodedAttributes: undefined,
    info: { $case: 'application', value: { type: name, nonRetryable, details, nextRetryDelay } },
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

/** Storable and not too long: what an error says must not keep it from being told. */
function cut(text: string, limit: number): string {
  const shown = text.length <= limit ? text : `${text.slice(0, limit)}… (${text.length - limit} characters more)`;
  return shown.includes('\0') ? shown.replaceAll('\0', '\ufffd') : shown;
}
