/** Errors of the client: one class per decision a caller takes. */
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { CancelledFailure, failureToError, TerminatedFailure, TimeoutFailure, timeoutName } from '../common/failure.ts';
import { decodeValues, type PayloadConverter } from '../common/payload-converter.ts';
import { type Refusal, refusalOf, ServiceError } from '../common/service-error.ts';

/** How a run ended that did not complete. */
export type FailedStatus = 'Failed' | 'Canceled' | 'Terminated' | 'TimedOut';

/** The run ended without a result; `cause` says why: ApplicationFailure, ActivityFailure, CancelledFailure, TerminatedFailure or TimeoutFailure. */
export class WorkflowFailedError extends Error {
  override readonly name: string = 'WorkflowFailedError';
  readonly workflowId: string;
  readonly runId: string;
  readonly status: FailedStatus;
  declare readonly cause: Error;

  constructor(run: { workflowId: string; runId: string }, status: FailedStatus, cause: Error) {
    super(`workflow ${run.workflowId} (run ${run.runId}) ended as ${status}: ${cause.message}`, { cause });
    this.workflowId = run.workflowId;
    this.runId = run.runId;
    this.status = status;
  }
}

/** The run was continued as a new one, and only this run was asked for. */
export class WorkflowContinuedAsNewError extends Error {
  override readonly name: string = 'WorkflowContinuedAsNewError';
  readonly workflowId: string;
  readonly runId: string;
  readonly newRunId: string;

  constructor(run: { workflowId: string; runId: string }, newRunId: string) {
    super(`workflow ${run.workflowId} (run ${run.runId}) was continued as run ${newRunId}`);
    this.workflowId = run.workflowId;
    this.runId = run.runId;
    this.newRunId = newRunId;
  }
}

interface NamedUpdate {
  readonly workflowId: string;
  readonly runId: string;
  readonly updateId: string;
}

/** The handler of an update threw; `cause` is what: an ApplicationFailure, ActivityFailure or CancelledFailure. */
export class WorkflowUpdateFailedError extends Error {
  override readonly name: string = 'WorkflowUpdateFailedError';
  readonly workflowId: string;
  readonly runId: string;
  readonly updateId: string;
  declare readonly cause: Error;

  constructor({ workflowId, runId, updateId }: NamedUpdate, cause: Error) {
    super(`update ${updateId} of workflow ${workflowId} (run ${runId}) failed: ${cause.message}`, { cause });
    this.workflowId = workflowId;
    this.runId = runId;
    this.updateId = updateId;
  }
}

/** The run did not take an update: its validator threw `cause`, or nobody handles it. Nothing of it is in the history. */
export class WorkflowUpdateRejectedError extends Error {
  override readonly name: string = 'WorkflowUpdateRejectedError';
  readonly workflowId: string;
  readonly runId: string;
  readonly updateId: string;
  declare readonly cause: Error;

  constructor({ workflowId, runId, updateId }: NamedUpdate, cause: Error) {
    super(`update ${updateId} of workflow ${workflowId} (run ${runId}) was rejected: ${cause.message}`, { cause });
    this.workflowId = workflowId;
    this.runId = runId;
    this.updateId = updateId;
  }
}

/** A query was not for a run of this status: see ClientOptions.queryRejectCondition. */
export class QueryRejectedError extends ServiceError {
  override readonly name: string = 'QueryRejectedError';
  readonly workflowId: string;
  /** For example COMPLETED. */
  readonly status: string;

  constructor(workflowId: string, refusal: Refusal, options?: ErrorOptions) {
    super(refusal, options);
    this.workflowId = workflowId;
    this.status = refusal.metadata.status ?? '';
  }
}

/** The workflow id has a run already, and the policies of the start do not allow another. */
export class WorkflowAlreadyStartedError extends ServiceError {
  override readonly name: string = 'WorkflowAlreadyStartedError';
  readonly workflowId: string;
  /** The run in the way. */
  readonly runId: string;

  constructor(workflowId: string, refusal: Refusal, options?: ErrorOptions) {
    super(refusal, options);
    this.workflowId = workflowId;
    this.runId = refusal.metadata.run_id ?? '';
  }
}

/** There is no such run, or (for signals and updates) it has closed: `reason` is WORKFLOW_NOT_FOUND or WORKFLOW_CLOSED. */
export class WorkflowNotFoundError extends ServiceError {
  override readonly name: string = 'WorkflowNotFoundError';
  readonly workflowId: string;

  constructor(workflowId: string, refusal: Refusal, options?: ErrorOptions) {
    super(refusal, options);
    this.workflowId = workflowId;
  }
}

/**
 * The activity, or the attempt of the token, is not open: the message says whether it has ended, was tried again, or its run has closed.
 * `reason` is ACTIVITY_NOT_FOUND.
 */
export class ActivityNotFoundError extends ServiceError {
  override readonly name: string = 'ActivityNotFoundError';
  /** An earlier try of this call got no answer: it may be what has ended the activity. */
  readonly perhapsByThisCall: boolean;

  constructor(refusal: Refusal, perhapsByThisCall: boolean, options?: ErrorOptions) {
    super(refusal, options);
    this.perhapsByThisCall = perhapsByThisCall;
  }
}

/** The error a caller gets for a refusal; what is no refusal stays as it is. */
export function clientError(error: unknown, workflowId = ''): unknown {
  const refusal = refusalOf(error);
  if (!refusal) return error;
  switch (refusal.reason) {
    case 'WORKFLOW_ALREADY_STARTED':
      return new WorkflowAlreadyStartedError(workflowId, refusal, { cause: error });
    case 'WORKFLOW_NOT_FOUND':
    case 'WORKFLOW_CLOSED':
      return new WorkflowNotFoundError(workflowId, refusal, { cause: error });
    case 'QUERY_REJECTED':
      return new QueryRejectedError(workflowId, refusal, { cause: error });
    default:
      return error instanceof ServiceError ? error : new ServiceError(refusal, { cause: error });
  }
}

/** Runs a call; its refusal is thrown as the class a caller expects. */
export async function orClientError<T>(workflowId: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw clientError(error, workflowId);
  }
}

/** Why a run ended, from its closing event; undefined if it completed. */
export function failureOfClose(
  run: { workflowId: string; runId: string },
  event: HistoryEvent,
  converter: PayloadConverter,
): WorkflowFailedError | WorkflowContinuedAsNewError | undefined {
  const { attributes } = event;
  if (attributes?.$case === 'workflowCompleted') return undefined;
  if (attributes?.$case === 'workflowFailed') {
    const { failure } = attributes.value;
    const cause = failure ? failureToError(failure, converter) : new Error('the failure is missing');
    return new WorkflowFailedError(run, 'Failed', cause);
  }
  if (attributes?.$case === 'workflowCanceled') {
    const details = decodeValues(converter, attributes.value.details, 'cancellation details');
    return new WorkflowFailedError(run, 'Canceled', new CancelledFailure('the workflow was cancelled', details));
  }
  if (attributes?.$case === 'workflowTerminated') {
    const { reason, identity } = attributes.value;
    return new WorkflowFailedError(run, 'Terminated', new TerminatedFailure(reason || 'no reason was given', identity));
  }
  if (attributes?.$case === 'workflowTimedOut') {
    const name = timeoutName(attributes.value.timeoutType);
    return new WorkflowFailedError(run, 'TimedOut', new TimeoutFailure(`the ${name} timeout was reached`, name));
  }
  if (attributes?.$case === 'workflowContinuedAsNew') return new WorkflowContinuedAsNewError(run, attributes.value.newRunId);
  throw new Error(`this version of the SDK does not know the closing event ${attributes?.$case ?? '(unknown)'}`);
}
