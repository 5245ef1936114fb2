/** A handle: what can be done with one run, or with whatever run a workflow id has. */

import type { Payload, WorkflowExecution } from '@perdure/proto/perdure/api/v1/common';
import { History, type HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { UpdateStage } from '@perdure/proto/perdure/api/v1/update';
import type { SignalWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import type { Batch } from '../common/batch.ts';
import { decodeMessage, encodeMessage, hasCodecs } from '../common/data-converter.ts';
import { durationToProto } from '../common/duration.ts';
import { failureToError } from '../common/failure.ts';
import { intercepted, toHeader } from '../common/interceptor.ts';
import { decodeValue, encodeValues } from '../common/payload-converter.ts';
import { withRetry } from '../common/retry.ts';
import { checkText } from '../common/text.ts';
import type { Json, ResultOf, Workflow } from '../common/types.ts';
import { descriptionOf, type WorkflowDescription } from './description.ts';
import { failureOfClose, orClientError } from './errors.ts';
import type { CancelInput, ClientInterceptor, ClientQueryInput, ClientSignalInput, TerminateInput } from './interceptor.ts';
import { type ResetOptions, reset } from './reset.ts';
import type { AwaitResult } from './results.ts';
import { terminate } from './terminate.ts';
import {
  answerOf,
  createUpdateHandle,
  outgoingUpdate,
  sendUpdate,
  type UpdateHandle,
  type UpdateLike,
  type UpdateOptions,
} from './update.ts';
import { retryContext, type Wire } from './wire.ts';

/** A query whose run had no workflow task yet is asked again for this long. */
const QUERY_PATIENCE_MS = 10_000;
/** Longer than the service waits for a worker. */
const QUERY_DEADLINE_MS = 15_000;
const HISTORY_WAIT = durationToProto('60s', 'wait');
const HISTORY_DEADLINE_MS = 70_000;

/** What defineSignal returns; `Args` are the handler's. */
export interface SignalLike<Args extends readonly unknown[]> {
  readonly type?: 'signal' | undefined;
  readonly name: string;
  readonly args?: Args | undefined;
}

/** What defineQuery returns. */
export interface QueryLike<Result, Args extends readonly unknown[]> {
  readonly type?: 'query' | undefined;
  readonly name: string;
  readonly args?: Args | undefined;
  readonly result?: Result | undefined;
}

/** Which part of the history to read. */
export interface HistoryOptions {
  /** First event wanted. Default 1. */
  fromEventId?: number;
  /** Go on with new events as they come, until the run has closed. Default false. */
  follow?: boolean;
}

/** Which end to wait for. */
export interface ResultOptions {
  /** False: the end of this run only; rejects with WorkflowContinuedAsNewError if the run is continued as new. Default true. */
  followRuns?: boolean;
}

/**
 * A run, and those that continue it. All methods reject with WorkflowNotFoundError when there is no such run, and with ServiceError when the service refuses for
 * another reason or cannot be reached for a minute.
 */
export interface WorkflowHandle<F extends Workflow = Workflow> {
  readonly workflowId: string;
  /** The run started, or named; signals, queries, cancel and terminate reach the one that continues it. Empty if the handle was made without: then each call goes to the open run of the workflow id, else to its newest closed one. */
  readonly runId: string;
  /**
   * Waits for the end: of the run, and of those that continue it as new, by retry or by cron. Rejects with WorkflowFailedError when it fails,
   * is cancelled, terminated, or times out. While the service cannot be reached it waits on, and the client's log says so once; set
   * `retry.maximumElapsedMs` for a limit.
   */
  result(options?: ResultOptions): Promise<ResultOf<F>>;
  /** Resolves when the signal is recorded. Signals of one client to one workflow are recorded in the order of the calls. */
  signal<Args extends readonly unknown[] = readonly unknown[]>(signal: SignalLike<Args> | string, ...args: Args): Promise<void>;
  /** Asks the code; needs a worker. Rejects with what the handler threw. */
  query<Result = unknown, Args extends readonly unknown[] = readonly unknown[]>(
    query: QueryLike<Result, Args> | string,
    ...args: Args
  ): Promise<Json<Result>>;
  /**
   * Asks the code to do something and waits for its answer. Rejects as `UpdateHandle.result` does, and with ServiceError RUN_BLOCKED
   * when the run fails its workflow tasks.
   */
  executeUpdate<Result = unknown, Args extends readonly unknown[] = readonly unknown[]>(
    update: UpdateLike<Result, Args> | string,
    ...options: [] extends Args ? [options?: UpdateOptions<NoInfer<Args>>] : [options: UpdateOptions<NoInfer<Args>>]
  ): Promise<Json<Result>>;
  /** The same, but resolves when the code has accepted the update; rejects with WorkflowUpdateRejectedError when it does not. */
  startUpdate<Result = unknown, Args extends readonly unknown[] = readonly unknown[]>(
    update: UpdateLike<Result, Args> | string,
    ...options: [] extends Args ? [options?: UpdateOptions<NoInfer<Args>>] : [options: UpdateOptions<NoInfer<Args>>]
  ): Promise<UpdateHandle<Result>>;
  /** An update that was sent before, without asking the service. Best on a handle with a run id: an update belongs to one run. */
  getUpdateHandle<Result = unknown>(updateId: string): UpdateHandle<Result>;
  /** Asks the run to cancel itself. Resolves when that is recorded; no effect on a closed run. */
  cancel(reason?: string): Promise<void>;
  /** Ends the run at once; its code is not asked. Rejects with WorkflowNotFoundError, reason WORKFLOW_CLOSED, if it has closed otherwise. */
  terminate(reason?: string, ...details: unknown[]): Promise<void>;
  /** Gives out no task of the run until it is resumed; what is running ends, and what arrives is recorded. No effect on a paused run. */
  pause(reason?: string): Promise<void>;
  /** Ends a pause. No effect on a run that is not paused. */
  resume(reason?: string): Promise<void>;
  /**
   * Starts a new run that goes on from an earlier place of this one and resolves to its handle: what the run did up to there is kept,
   * what came later is done again. An open run is terminated by it; a closed one can be reset while no run of its id is open. Rejects with
   * ServiceError, reason NO_RESET_POINT, when there is no such place.
   */
  reset(options: ResetOptions): Promise<WorkflowHandle<F>>;
  /** `reset` to the step that failed last, unless told: the step runs again, and whatever else has finished is kept. */
  fork(options?: Partial<ResetOptions>): Promise<WorkflowHandle<F>>;
  /** Removes the run with its history, ending it first if it is open. Resolves to false when there is no such run. */
  delete(reason?: string): Promise<boolean>;
  /** The committed state. */
  describe(): Promise<WorkflowDescription>;
  /** The events in order, read page by page. */
  history(options?: HistoryOptions): AsyncIterableIterator<HistoryEvent>;
  /** All events so far, for example to be replayed. */
  fetchHistory(): Promise<History>;
}

/** What handles of one client share. */
export interface HandleContext {
  readonly wire: Wire;
  readonly signals: Batch<SignalWorkflowRequest, { runId: string }>;
  readonly awaitResult: AwaitResult;
}

export function createHandle<F extends Workflow>(context: HandleContext, workflowId: string, runId: string): WorkflowHandle<F> {
  const { wire } = context;
  const { api, namespace, identity, closed: abort } = wire;
  const execution: WorkflowExecution = { workflowId, runId };
  const call = <T>(attempt: () => Promise<T>): Promise<T> => orClientError(workflowId, withRetry(retryContext(wire), attempt));
  return {
    workflowId,
    runId,
    result: (options) => orClientError(workflowId, resultOf<F>(context, execution, options)),
    signal: (signal, ...args) =>
      intercepted<ClientInterceptor, ClientSignalInput, Promise<void>>(wire.interceptors, methodOf('signal'), (input) =>
        orClientError(workflowId, sendSignal(context, input)),
      )({ ...execution, signalName: nameOf(signal), args, headers: {} }),
    query: (query, ...args) =>
      intercepted<ClientInterceptor, ClientQueryInput, Promise<unknown>>(wire.interceptors, methodOf('query'), (input) =>
        orClientError(workflowId, ask(wire, input)),
      )({ ...execution, queryName: nameOf(query), args, headers: {} }) as Promise<never>,
    cancel: (reason = '') =>
      intercepted<ClientInterceptor, CancelInput, Promise<void>>(wire.interceptors, methodOf('cancel'), async (input) => {
        const request = { namespace, execution: runOf(input), reason: input.reason, identity, requestId: wire.clock.newId() };
        await call(() => api.requestCancelWorkflow(request, { abort }));
      })({ ...execution, reason }),
    terminate: (reason = '', ...details) =>
      intercepted<ClientInterceptor, TerminateInput, Promise<void>>(wire.interceptors, methodOf('terminate'), async (input) => {
        const payloads = await encodeArgs(wire, input.details, 'termination details');
        await orClientError(workflowId, terminate(wire, runOf(input), input.reason, payloads));
      })({ ...execution, reason, details }),
    executeUpdate: (update, ...[options]) => executeUpdate(wire, execution, update, options) as Promise<never>,
    startUpdate: (update, ...[options]) => startUpdate(wire, execution, update, options) as Promise<never>,
    getUpdateHandle: (updateId) => createUpdateHandle(wire, execution, updateId),
    async pause(reason = '') {
      const request = { namespace, execution, reason, identity, requestId: wire.clock.newId() };
      await call(() => api.pauseWorkflow(request, { abort }));
    },
    async resume(reason = '') {
      const request = { namespace, execution, reason, identity, requestId: wire.clock.newId() };
      await call(() => api.resumeWorkflow(request, { abort }));
    },
    reset: async (options) => createHandle<F>(context, workflowId, await orClientError(workflowId, reset(wire, execution, options))),
    fork: async (options = {}) =>
      createHandle<F>(context, workflowId, await orClientError(workflowId, reset(wire, execution, { to: 'lastFailedStep', ...options }))),
    async delete(reason = '') {
      const deleted = await call(() => api.deleteWorkflow({ namespace, execution, reason, identity }, { abort }));
      return deleted.runId !== '';
    },
    async describe() {
      const response = await call(() => api.describeWorkflow({ namespace, execution }, { abort }));
      if (hasCodecs(wire.dataConverter)) await decodeMessage(wire.dataConverter, response);
      return descriptionOf(response, wire.converter);
    },
    history: (options) => readHistory(wire, execution, options),
    async fetchHistory() {
      const events: HistoryEvent[] = [];
      for await (const event of readHistory(wire, execution)) events.push(event);
      return { events };
    },
  };
}

/** A method of an interceptor, as one of it. */
function methodOf<N extends keyof ClientInterceptor>(name: N): (interceptor: ClientInterceptor) => ClientInterceptor[N] {
  return (interceptor) => interceptor[name]?.bind(interceptor) as ClientInterceptor[N];
}

function runOf({ workflowId, runId }: WorkflowExecution): WorkflowExecution {
  return { workflowId, runId };
}

type AnyUpdate = { readonly name: string } | string;
type AnyUpdateOptions = { updateId?: string; args?: readonly unknown[] } | undefined;

async function executeUpdate(wire: Wire, execution: WorkflowExecution, update: AnyUpdate, options: AnyUpdateOptions): Promise<unknown> {
  const outgoing = await outgoingUpdate(wire, update, options);
  const progress = await sendUpdate(wire, execution, outgoing, UpdateStage.COMPLETED);
  return answerOf(wire, execution.workflowId, outgoing.request.updateId, progress);
}

async function startUpdate(
  wire: Wire,
  execution: WorkflowExecution,
  update: AnyUpdate,
  options: AnyUpdateOptions,
): Promise<UpdateHandle<unknown>> {
  const outgoing = await outgoingUpdate(wire, update, options);
  const progress = await sendUpdate(wire, execution, outgoing, UpdateStage.ACCEPTED);
  const handle = createUpdateHandle(wire, execution, outgoing.request.updateId, progress);
  // It ended at once: a rejection is thrown here, a failure by `result`.
  if (progress.outcome?.outcome?.$case === 'rejection') await handle.result();
  return handle;
}

function nameOf(definition: { readonly name: string } | string): string {
  return typeof definition === 'string' ? definition : definition.name;
}

async function encodeArgs(wire: Wire, args: readonly unknown[], what: string): Promise<Payload[]> {
  const payloads = encodeValues(wire.converter, args, what);
  if (hasCodecs(wire.dataConverter)) await encodeMessage(wire.dataConverter, payloads);
  return payloads;
}

async function resultOf<F extends Workflow>(
  context: HandleContext,
  execution: WorkflowExecution,
  { followRuns = true }: ResultOptions = {},
): Promise<ResultOf<F>> {
  const { wire, awaitResult } = context;
  const { runId, outcome } = await awaitResult(execution, !followRuns);
  if (outcome?.$case !== 'closeEvent') throw new Error('the service answered a closed run without its closing event');
  const event = outcome.value;
  // Several handles may share this event: codecs must not be applied twice to it.
  const own = hasCodecs(wire.dataConverter) ? structuredClone(event) : event;
  if (hasCodecs(wire.dataConverter)) await decodeMessage(wire.dataConverter, own);
  const failure = failureOfClose({ workflowId: execution.workflowId, runId }, own, wire.converter);
  if (failure) throw failure;
  const result = own.attributes?.$case === 'workflowCompleted' ? own.attributes.value.result : undefined;
  return decodeValue(wire.converter, result, `result of workflow ${execution.workflowId}`) as ResultOf<F>;
}

async function sendSignal(context: HandleContext, input: ClientSignalInput): Promise<void> {
  const { signalName: name, args, headers } = input;
  checkText('signal', name);
  const { wire, signals } = context;
  const execution = runOf(input);
  const payloads = encodeValues(wire.converter, args, `signal ${name}`);
  if (hasCodecs(wire.dataConverter)) {
    // One after the other: codecs may take different times, and order is promised.
    await wire.inOrder(execution.workflowId, () => encodeMessage(wire.dataConverter, payloads));
  }
  await signals.add({
    namespace: '',
    execution,
    signalName: name,
    input: payloads,
    header: toHeader(headers),
    requestId: wire.clock.newId(),
    identity: wire.identity,
  });
}

async function ask(wire: Wire, input: ClientQueryInput): Promise<unknown> {
  const { queryName: queryType } = input;
  checkText('query', queryType);
  const { api, namespace, closed: abort, retry, clock } = wire;
  const args = await encodeArgs(wire, input.args, `query ${queryType}`);
  const asked = { queryType, args, header: toHeader(input.headers), rejectCondition: wire.queryRejectCondition, followRuns: true };
  const request = { namespace, execution: runOf(input), ...asked };
  const options = { ...retry, maximumElapsedMs: QUERY_PATIENCE_MS, maximumIntervalMs: 500 };
  const response = await withRetry({ clock, options, abort, alsoTransient: ({ reason }) => reason === 'QUERY_NOT_READY' }, () =>
    api.queryWorkflow(request, { deadlineMs: QUERY_DEADLINE_MS, abort }),
  );
  if (hasCodecs(wire.dataConverter)) await decodeMessage(wire.dataConverter, response);
  if (response.outcome?.$case === 'failure') throw failureToError(response.outcome.value, wire.converter);
  return decodeValue(wire.converter, response.outcome?.value, `result of query ${queryType}`);
}

async function* readHistory(wire: Wire, execution: WorkflowExecution, options: HistoryOptions = {}): AsyncIterableIterator<HistoryEvent> {
  const { api, namespace, closed: abort } = wire;
  const { fromEventId = 1, follow = false } = options;
  let { runId } = execution;
  for (let next = BigInt(fromEventId); ; ) {
    const request = {
      namespace,
      // Once known: a new run of the same id must not be mixed in.
      execution: { ...execution, runId },
      fromEventId: next,
      toEventId: 0n,
      maxBytes: 0,
      wait: follow,
      waitTimeout: HISTORY_WAIT,
    };
    const call = withRetry(retryContext(wire), () => api.getWorkflowHistory(request, { deadlineMs: HISTORY_DEADLINE_MS, abort }));
    const page = await orClientError(execution.workflowId, call);
    runId = page.runId;
    const history = History.decode(page.history);
    if (hasCodecs(wire.dataConverter)) await decodeMessage(wire.dataConverter, history);
    yield* history.events;
    if (page.closed || (!follow && (page.end || page.nextEventId <= next))) return;
    next = page.nextEventId;
  }
}
