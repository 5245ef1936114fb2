/** The client: starts runs and finds them. */
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import {
  QueryRejectCondition,
  type StartWorkflowRequest,
  type StartWorkflowResponse,
} from '@perdure/proto/perdure/api/v1/workflow_service';
import type { Api } from '../common/api.ts';
import type { Batch } from '../common/batch.ts';
import { type Clock, realClock } from '../common/clock.ts';
import { type Connection, connect } from '../common/connection.ts';
import { converterOf, type DataConverter, decodeMessage, hasCodecs } from '../common/data-converter.ts';
import { intercepted } from '../common/interceptor.ts';
import { consoleLog, type Log } from '../common/log.ts';
import { type RetryOptions, withRetry } from '../common/retry.ts';
import { fromSearchAttributeValue, type SearchAttribute } from '../common/search-attribute.ts';
import { checkText } from '../common/text.ts';
import type { Json, ResultOf, Workflow } from '../common/types.ts';
import { type Activities, createActivities } from './activity.ts';
import { createSignals, createStarts } from './batches.ts';
import { listEntryOf, type WorkflowListEntry } from './description.ts';
import { orClientError } from './errors.ts';
import { createHandle, type HandleContext, type WorkflowHandle } from './handle.ts';
import type { ClientInterceptor, StartInput } from './interceptor.ts';
import { createNamespaces, type Namespaces } from './namespaces.ts';
import { createResults } from './results.ts';
import { type StartOptions, startRequest, workflowTypeOf } from './start.ts';
import type { UpdateHandle } from './update.ts';
import { createOrder, retryContext, type Wire } from './wire.ts';
import {
  type SignalWithStartOptions,
  type StartedHandle,
  signalWithStart,
  type UpdateWithStartOptions,
  updateWithStart,
} from './with-start.ts';

/** Where and how a client works. */
export interface ClientOptions {
  /** host:port of the service. Default 127.0.0.1:7233. Not together with `connection`. */
  address?: string;
  /** A connection made by `connect`, shared with others: the client does not close it. */
  connection?: Connection | Api;
  /** Default "default". */
  namespace?: string;
  /** Converter and codecs; client and worker must agree. */
  dataConverter?: DataConverter;
  /** Around the calls of this client; the first is the outermost. */
  interceptors?: readonly ClientInterceptor[];
  /** How calls are tried again when the service is away or overloaded. Default: for 60 s; `handle.result` waits for the service without limit. */
  retry?: RetryOptions;
  /**
   * Queries are refused with QueryRejectedError by runs that have closed ('notOpen'), or that failed, timed out, were canceled or
   * terminated ('notCompletedCleanly'). Default: all runs are asked.
   */
  queryRejectCondition?: 'notOpen' | 'notCompletedCleanly';
  /** For people. Default "pid@host". */
  identity?: string;
  /** Takes log lines: one when waiting for results finds the service away, one when it is back. Default: the standard error stream. */
  log?: Log;
  /** Time, chance and ids. For tests in virtual time. */
  clock?: Clock;
}

/** Which runs, and how many per call. */
export interface ListOptions {
  /** For example: WorkflowType = 'order' AND Status = 'Running'. Default: all. */
  filter?: string;
  /** Runs per call, 1 to 1 000. Default 100. */
  pageSize?: number;
}

/** Talks to the service. One client per process is enough: its concurrent calls travel together. */
export class Client {
  /** Every RPC as it is; nothing is tried again. */
  readonly api: Api;
  readonly namespace: string;
  /** Creates, shows, changes, lists and deletes namespaces. */
  readonly namespaces: Namespaces;
  /** Ends activities, and tells that they are alive, from any process. */
  readonly activity: Activities;
  readonly #wire: Wire;
  readonly #starts: Batch<StartWorkflowRequest, StartWorkflowResponse>;
  readonly #handles: HandleContext;
  readonly #close: () => void;

  /** Returns at once: the socket opens with the first call. Throws TypeError for wrong options. */
  constructor(options: ClientOptions = {}) {
    if (options.address !== undefined && options.connection !== undefined) throw new TypeError('address: not together with connection');
    const own = options.connection ? undefined : connect(options.address === undefined ? {} : { address: options.address });
    const closing = new AbortController();
    // Every call in flight listens.
    setMaxListeners(0, closing.signal);
    this.api = options.connection ?? (own as Connection);
    this.namespace = options.namespace ?? 'default';
    this.#wire = {
      api: this.api,
      namespace: this.namespace,
      clock: options.clock ?? realClock,
      identity: options.identity ?? `${process.pid}@${hostname()}`,
      dataConverter: options.dataConverter ?? {},
      converter: converterOf(options.dataConverter ?? {}),
      interceptors: options.interceptors,
      retry: options.retry ?? {},
      log: options.log ?? consoleLog,
      queryRejectCondition: rejectCondition(options.queryRejectCondition),
      closed: closing.signal,
      inOrder: createOrder(),
    };
    this.namespaces = createNamespaces(this.#wire);
    this.activity = createActivities(this.#wire);
    this.#starts = createStarts(this.#wire);
    this.#handles = { wire: this.#wire, signals: createSignals(this.#wire), awaitResult: createResults(this.#wire) };
    this.#close = () => {
      closing.abort();
      own?.close();
    };
  }

  /**
   * Starts a workflow, given as its function or by name. Resolves when the start is durable.
   * Rejects with WorkflowAlreadyStartedError when the policies do not allow another run, TypeError for wrong options.
   */
  async start<F extends Workflow>(workflow: F | string, options: StartOptions<F>): Promise<WorkflowHandle<F>> {
    const begin = intercepted<ClientInterceptor, StartInput, Promise<string>>(
      this.#wire.interceptors,
      (interceptor) => interceptor.start?.bind(interceptor),
      async (input) => {
        const request = await startRequest(this.#wire, input);
        const { runId } = await orClientError(input.options.workflowId, this.#starts.add(request));
        return runId;
      },
    );
    const runId = await begin({ workflowType: workflowTypeOf(workflow), options: options as StartOptions, headers: {} });
    return createHandle<F>(this.#handles, options.workflowId, runId);
  }

  /** Starts a workflow and waits for its result. Rejects as `start` and `handle.result` do. */
  async execute<F extends Workflow>(workflow: F | string, options: StartOptions<F>): Promise<ResultOf<F>> {
    const handle = await this.start<F>(workflow, options);
    return await handle.result();
  }

  /**
   * Signals the open run of the workflow id, or starts one with the signal: one step. Sent again with the same `requestId` it takes
   * effect once. `handle.started` tells whether this call started the run. Rejects as `start` and `handle.signal` do.
   */
  async signalWithStart<F extends Workflow, Args extends readonly unknown[] = readonly unknown[]>(
    workflow: F | string,
    options: SignalWithStartOptions<F, Args>,
  ): Promise<StartedHandle<F>> {
    const { runId, started } = await signalWithStart(this.#wire, workflow, options as never);
    return { ...createHandle<F>(this.#handles, options.workflowId, runId), started };
  }

  /**
   * Updates the open run of the workflow id, or starts one with the update: one step. Resolves when the code has accepted the update;
   * `handle.started` tells whether this call started the run. Rejects as `start` and `handle.startUpdate` do; a run that was started
   * goes on also when it rejects the update.
   */
  async startUpdateWithStart<F extends Workflow, Result = unknown, Args extends readonly unknown[] = readonly unknown[]>(
    workflow: F | string,
    options: UpdateWithStartOptions<F, Result, Args>,
  ): Promise<UpdateHandle<Result> & { readonly started: boolean }> {
    return updateWithStart<Result>(this.#wire, workflow, options as never);
  }

  /** The same, and waits for the answer of the update. */
  async executeUpdateWithStart<F extends Workflow, Result = unknown, Args extends readonly unknown[] = readonly unknown[]>(
    workflow: F | string,
    options: UpdateWithStartOptions<F, Result, Args>,
  ): Promise<Json<Result>> {
    const handle = await updateWithStart<Result>(this.#wire, workflow, options as never);
    return handle.result();
  }

  /** A handle without asking the service. Without run id it means the open run of the workflow id, else the newest closed one. */
  getHandle<F extends Workflow = Workflow>(workflowId: string, runId = ''): WorkflowHandle<F> {
    checkText('workflowId', workflowId);
    return createHandle<F>(this.#handles, workflowId, runId);
  }

  /** Runs, newest first, read page by page. Rejects with ServiceError BAD_FILTER naming the position. */
  async *list(options: ListOptions = {}): AsyncIterableIterator<WorkflowListEntry> {
    const { api, namespace, dataConverter, closed: abort } = this.#wire;
    const { filter = '', pageSize = 0 } = options;
    let pageToken: Uint8Array = new Uint8Array(0);
    do {
      const request = { namespace, filter, pageSize, pageToken };
      const page = await orClientError(
        '',
        withRetry(retryContext(this.#wire), () => api.listWorkflows(request, { abort })),
      );
      if (hasCodecs(dataConverter)) await decodeMessage(dataConverter, page.workflows);
      yield* page.workflows.map((summary) => listEntryOf(summary, this.#wire.converter));
      pageToken = page.nextPageToken;
    } while (pageToken.length > 0);
  }

  /** How many runs match. Rejects as `list` does. */
  async count(filter = ''): Promise<number> {
    const { api, namespace, closed: abort } = this.#wire;
    const { count } = await orClientError(
      '',
      withRetry(retryContext(this.#wire), () => api.countWorkflows({ namespace, filter, groupBy: '' }, { abort })),
    );
    return Number(count);
  }

  /**
   * How many runs match, by the values of a field: Status, WorkflowType, TaskQueue, BlockedCause, BuildId, or a search attribute of type
   * keyword, int or bool. The largest groups first, at most 1 000; a group without `value` are runs that have none. Rejects as `list` does.
   */
  async countBy(field: string, filter = ''): Promise<{ readonly value: SearchAttribute | undefined; readonly count: number }[]> {
    const { api, namespace, closed: abort } = this.#wire;
    const { groups } = await orClientError(
      '',
      withRetry(retryContext(this.#wire), () => api.countWorkflows({ namespace, filter, groupBy: field }, { abort })),
    );
    return groups.map(({ value, count }) => ({ value: value && fromSearchAttributeValue(value), count: Number(count) }));
  }

  /** Ends what is in flight (it rejects) and releases the socket. */
  close(): void {
    this.#close();
  }
}

function rejectCondition(name: ClientOptions['queryRejectCondition']): QueryRejectCondition {
  const { UNSPECIFIED, NOT_OPEN, NOT_COMPLETED_CLEANLY } = QueryRejectCondition;
  if (name === undefined) return UNSPECIFIED;
  if (name !== 'notOpen' && name !== 'notCompletedCleanly')
    throw new TypeError(`queryRejectCondition: "${String(name)}" is not one of notOpen, notCompletedCleanly`);
  return name === 'notOpen' ? NOT_OPEN : NOT_COMPLETED_CLEANLY;
}
