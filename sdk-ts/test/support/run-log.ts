// A run's log as the service would write it, and the tasks made from it: what the tests of the SDK's engine run against.

import type { Command } from '@perdure/proto/perdure/api/v1/command';
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { History } from '@perdure/proto/perdure/api/v1/event';
import type { MarkerRecorded } from '@perdure/proto/perdure/api/v1/marker';
import type { QueryResult } from '@perdure/proto/perdure/api/v1/query';
import type { WorkflowQuery, WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import type { UpdateRequest } from '@perdure/proto/perdure/api/v1/update';
import type { WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import type { WorkflowStarted } from '@perdure/proto/perdure/api/v1/workflow';
import { msToTimestamp } from '../../src/common/duration.ts';
import { errorToFailure } from '../../src/common/failure.ts';
import { defaultPayloadConverter as converter, decodeValue, encodeValues } from '../../src/common/payload-converter.ts';
import type { EngineAnswer, WorkflowEngine } from '../../src/worker/engine.ts';

export type Attributes = NonNullable<HistoryEvent['attributes']>;
type CommandAttributes = NonNullable<Command['attributes']>;

/** The time of every log's first event: 2026-01-01. */
export const START_MS: number = Date.UTC(2026, 0, 1);

export interface RunLog {
  readonly runId: string;
  readonly events: HistoryEvent[];
  readonly closed: boolean;
  /** Appends an event; later than the one before by `ms`. */
  add(attributes: Attributes, ms?: number): HistoryEvent;
  signal(name: string, ...args: unknown[]): void;
  /** Is asked with the next task. */
  update(name: string, updateId: string, ...args: unknown[]): void;
  cancel(reason?: string): void;
  fire(timer: number): void;
  completeActivity(activity: number, result?: unknown): void;
  failActivity(activity: number, error: unknown): void;
  cancelActivity(activity: number): void;
  /** The task that is due now. `full`: with the whole history; else it begins after what was seen. */
  task(options?: TaskOptions): WorkflowTask;
  /** Runs a task, asks again with the full history when needed, and appends what the completion asks for. */
  run(engine: WorkflowEngine, options?: TaskOptions): Promise<WorkflowTaskCompletion>;
  /** A query-only task. */
  query(engine: WorkflowEngine, name: string, ...args: unknown[]): Promise<unknown>;
  /** Appends a completion's block; what the task said is what the log says. */
  append(completion: WorkflowTaskCompletion, of?: TaskFacts): bigint;
  /** As the service takes a completion: answers the id of its block, 0 when all it did was to reject updates. */
  settle(completion: WorkflowTaskCompletion, of: WorkflowTask): bigint;
  /** The log of another run, with a copy of the first events of this one and WorkflowForked. Its steps are not known to be open. */
  fork(kept: number, runId: string): RunLog;
  /** Steps asked for and not ended. */
  readonly openActivities: Set<number>;
  readonly openTimers: Set<number>;
  /** Children whose end is open. */
  readonly openChildren: Map<number, { started: boolean }>;
  /** Requests to other workflows without an answer. */
  readonly openSends: Map<number, 'signal' | 'cancel'>;
}

/** What a task says that the log keeps. */
export type TaskFacts = Pick<WorkflowTask, 'startedTime' | 'historyBytes' | 'continueAsNewSuggested' | 'seenEventId'>;

export interface TaskOptions {
  full?: boolean;
  queryOnly?: boolean;
  queries?: WorkflowQuery[];
  attempt?: number;
  suggested?: boolean;
}

interface State {
  readonly runId: string;
  readonly workflowType: string;
  readonly events: HistoryEvent[];
  readonly openActivities: Set<number>;
  readonly openTimers: Set<number>;
  readonly openChildren: Map<number, { started: boolean }>;
  readonly openSends: Map<number, 'signal' | 'cancel'>;
  /** Sent, and not decided by a task yet. */
  updates: UpdateRequest[];
  nextMs: number;
  base: bigint;
  seen: bigint;
  closed: boolean;
}

type Happenings = Pick<RunLog, 'signal' | 'cancel' | 'update' | 'fire' | 'completeActivity' | 'failActivity' | 'cancelActivity'>;

let lastRun = 0;

const CLOSING: ReadonlySet<string> = new Set(['completeWorkflow', 'failWorkflow', 'cancelWorkflow', 'continueAsNew']);

export function createRunLog(
  workflowType: string,
  args: unknown[] = [],
  runId = `run-${++lastRun}`,
  more: Partial<WorkflowStarted> = {},
): RunLog {
  const state: State = { runId, workflowType, events: [], ...nothingOpen(), nextMs: START_MS, base: 0n, seen: 0n, closed: false };
  add(state, started(workflowType, args, runId, more), 0);
  return logOf(state);
}

function nothingOpen(): Pick<State, 'openActivities' | 'openTimers' | 'openChildren' | 'openSends' | 'updates'> {
  return { openActivities: new Set(), openTimers: new Set(), openChildren: new Map(), openSends: new Map(), updates: [] };
}

function logOf(state: State): RunLog {
  const { runId } = state;
  const task = (options: TaskOptions = {}): WorkflowTask => taskOf(state, options);
  const append = (completion: WorkflowTaskCompletion, of: TaskFacts = task()): bigint => appendBlock(state, completion, of);
  const settle = (completion: WorkflowTaskCompletion, of: WorkflowTask): bigint => {
    const id = isSilent(state, completion, of) ? 0n : append(completion, of);
    state.updates = state.updates.filter((update) => !of.updates.includes(update));
    return id;
  };
  const activate = async (engine: WorkflowEngine, options: TaskOptions): Promise<{ of: WorkflowTask; answer: EngineAnswer }> => {
    const of = task(options);
    const answer = await engine.activate(of);
    if (answer.kind !== 'needHistory') return { of, answer };
    return { of, answer: await engine.activate(task({ ...options, full: true })) };
  };
  return {
    ...state,
    get closed() {
      return state.closed;
    },
    add: (attributes, ms) => add(state, attributes, ms),
    task,
    append,
    settle,
    ...happenings(state),
    fork: (kept, forkId) => forkOf(state, kept, forkId),
    async run(engine, options = {}) {
      const { of, answer } = await activate(engine, options);
      if (answer.kind !== 'completed') throw new Error(describeAnswer(answer));
      const id = settle(answer.completion, of);
      engine.committed(runId, id, state.closed);
      return answer.completion;
    },
    async query(engine, name, ...input) {
      const queries = [queryOf(name, ...input)];
      const { answer } = await activate(engine, { queryOnly: true, queries });
      if (answer.kind !== 'queries') throw new Error(describeAnswer(answer));
      return queryValue(answer.results[0] as QueryResult);
    },
  };
}

function forkOf(base: State, kept: number, runId: string): RunLog {
  const events = base.events.slice(0, kept);
  const last = events.findLast(({ attributes }) => attributes?.$case === 'workflowTaskCompleted');
  const seen = last?.attributes?.$case === 'workflowTaskCompleted' ? last.attributes.value.seenEventId : 0n;
  const state: State = { ...base, ...nothingOpen(), runId, events, base: last?.id ?? 0n, seen, closed: false };
  const value = { baseRunId: base.runId, runId, randomSeed: `seed of ${runId}`, reason: '', identity: '', requestId: '' };
  add(state, { $case: 'workflowForked', value: { ...value, excluded: [], resultsDropped: false } });
  return logOf(state);
}

function add(state: State, attributes: Attributes, ms = 10): HistoryEvent {
  state.nextMs += ms;
  const event: HistoryEvent = { id: BigInt(state.events.length + 1), time: msToTimestamp(state.nextMs), attributes };
  state.events.push(event);
  return event;
}

function taskOf(state: State, options: TaskOptions): WorkflowTask {
  const { events, workflowType, runId } = state;
  const from = options.full ? 0n : state.seen;
  const history = History.encode({ events: events.filter((event) => event.id > from) }).finish();
  return {
    token: new Uint8Array(),
    execution: { workflowId: 'wf', runId },
    workflowType,
    taskQueue: 'q',
    attempt: options.attempt ?? 1,
    baseEventId: state.base,
    seenEventId: BigInt(events.length),
    startedTime: msToTimestamp(state.nextMs + 1),
    historyBytes: BigInt(events.length * 100),
    continueAsNewSuggested: options.suggested ?? false,
    history,
    historyFromEventId: from + 1n,
    historyNextEventId: 0n,
    queries: options.queries ?? [],
    updates: options.queryOnly ? [] : [...state.updates],
    queryOnly: options.queryOnly ?? false,
    taskTimeoutMs: 10_000n,
  };
}

/** Nothing but updates came, and all were rejected: the log does not know of the task. */
function isSilent(state: State, { commands }: WorkflowTaskCompletion, of: WorkflowTask): boolean {
  const isOwn = ({ attributes }: HistoryEvent): boolean =>
    attributes?.$case === 'workflowTaskCompleted' || 'completedEventId' in (attributes?.value ?? {});
  const hasNews = state.events.some((event) => event.id > state.seen && event.id <= of.seenEventId && !isOwn(event));
  return of.updates.length > 0 && commands.length === 0 && of.attempt === 1 && !hasNews;
}

function appendBlock(state: State, completion: WorkflowTaskCompletion, of: TaskFacts): bigint {
  const { startedTime, historyBytes, continueAsNewSuggested, seenEventId } = of;
  const sdk = { sdkName: 'typescript', sdkVersion: '0', newFlags: completion.newFlags, buildId: 'build-1', identity: 'w', workerId: 'w' };
  const value = { seenEventId, startedTime, historyBytes, continueAsNewSuggested, ...sdk };
  const { id } = add(state, { $case: 'workflowTaskCompleted', value });
  state.base = id;
  state.seen = seenEventId;
  for (const command of completion.commands) {
    const attributes = command.attributes as CommandAttributes;
    const { $case } = attributes;
    if ($case === 'scheduleActivity') state.openActivities.add(attributes.value.number);
    if ($case === 'startTimer') state.openTimers.add(attributes.value.number);
    if ($case === 'cancelTimer') state.openTimers.delete(attributes.value.number);
    if ($case === 'scheduleChildWorkflow') state.openChildren.set(attributes.value.number, { started: false });
    if ($case === 'signalExternal') state.openSends.set(attributes.value.number, 'signal');
    if ($case === 'cancelExternal') state.openSends.set(attributes.value.number, 'cancel');
    if (CLOSING.has($case)) state.closed = true;
    add(state, eventOf(state, attributes, id), 0);
  }
  return id;
}

function happenings(state: State): Happenings {
  const of = (number: number): { number: number; scheduledEventId: bigint; attempt: number; identity: string } => {
    state.openActivities.delete(number);
    return { number, scheduledEventId: 0n, attempt: 1, identity: 'w' };
  };
  return {
    signal(signalName, ...args) {
      const input = encodeValues(converter, args, 'signal');
      add(state, { $case: 'workflowSignaled', value: { signalName, input, header: undefined, identity: '', requestId: '' } });
    },
    update(updateName, updateId, ...args) {
      const payloads = encodeValues(converter, args, 'update');
      state.updates.push({ updateId, updateName, args: payloads, header: undefined, identity: '' });
    },
    cancel(reason = 'enough') {
      add(state, { $case: 'workflowCancelRequested', value: { reason, identity: '', requestId: '' } });
    },
    fire(number) {
      state.openTimers.delete(number);
      add(state, { $case: 'timerFired', value: { number, startedEventId: 0n } });
    },
    completeActivity(number, result) {
      add(state, { $case: 'activityCompleted', value: { ...of(number), result: encodeValues(converter, [result], 'x')[0] } });
    },
    failActivity(number, error) {
      add(state, { $case: 'activityFailed', value: { ...of(number), failure: errorToFailure(error, converter), retryState: 2 } });
    },
    cancelActivity(number) {
      add(state, { $case: 'activityCanceled', value: { ...of(number), details: [] } });
    },
  };
}

export function queryOf(name: string, ...args: unknown[]): WorkflowQuery {
  return { queryId: `${name}-1`, queryType: name, args: encodeValues(converter, args, 'query'), header: undefined };
}

/** The answer, or the failure's message after "failed: ". */
export function queryValue(result: QueryResult): unknown {
  return result.outcome?.$case === 'result'
    ? decodeValue(converter, result.outcome.value, 'x')
    : `failed: ${result.outcome?.value.message}`;
}

export function describeAnswer(answer: EngineAnswer): string {
  return answer.kind === 'failed'
    ? `task failed (cause ${answer.cause}): ${answer.failure.message}\n${answer.failure.stackTrace}`
    : answer.kind;
}

function started(workflowType: string, args: unknown[], runId: string, more: Partial<WorkflowStarted>): Attributes {
  return {
    $case: 'workflowStarted',
    value: {
      workflowId: 'wf',
      runId,
      workflowType,
      taskQueue: 'q',
      input: encodeValues(converter, args, 'workflow'),
      header: undefined,
      randomSeed: `seed-${runId}`,
      requestId: '',
      identity: '',
      runTimeout: undefined,
      executionTimeout: undefined,
      taskTimeout: undefined,
      startDelay: undefined,
      memo: {},
      searchAttributes: {},
      retryPolicy: undefined,
      attempt: 1,
      firstRunId: runId,
      cronSchedule: '',
      continuation: undefined,
      parent: undefined,
      root: undefined,
      ...more,
    },
  };
}

/** The event a command writes. */
function eventOf(state: State, command: CommandAttributes, completedEventId: bigint): Attributes {
  switch (command.$case) {
    case 'completeWorkflow':
      return { $case: 'workflowCompleted', value: { completedEventId, newRunId: '', ...command.value } };
    case 'failWorkflow':
      return { $case: 'workflowFailed', value: { completedEventId, newRunId: '', retryState: 0, ...command.value } };
    case 'continueAsNew':
      return { $case: 'workflowContinuedAsNew', value: { completedEventId, newRunId: 'next', ...command.value } };
    case 'cancelWorkflow':
      return { $case: 'workflowCanceled', value: { completedEventId, ...command.value } };
    case 'upsertProperties':
      return { $case: 'workflowPropertiesUpserted', value: { completedEventId, ...command.value } };
    case 'scheduleActivity':
      return { $case: 'activityScheduled', value: { completedEventId, ...command.value } };
    case 'cancelActivity':
      return { $case: 'activityCancelRequested', value: { completedEventId, ...command.value } };
    case 'startTimer':
      return { $case: 'timerStarted', value: { completedEventId, ...command.value } };
    case 'cancelTimer':
      return { $case: 'timerCanceled', value: { completedEventId, ...command.value } };
    case 'scheduleChildWorkflow':
      return { $case: 'childWorkflowScheduled', value: { completedEventId, ...command.value } };
    case 'cancelChildWorkflow':
      return { $case: 'childWorkflowCancelRequested', value: { completedEventId, ...command.value } };
    case 'signalExternal':
      return { $case: 'externalSignalScheduled', value: { completedEventId, ...command.value } };
    case 'cancelExternal':
      return { $case: 'externalCancelScheduled', value: { completedEventId, ...command.value } };
    case 'acceptUpdate': {
      const request = state.updates.find(({ updateId }) => updateId === command.value.updateId);
      return { $case: 'updateAccepted', value: { completedEventId, request } };
    }
    case 'completeUpdate':
      return { $case: 'updateCompleted', value: { completedEventId, acceptedEventId: 0n, ...command.value } };
    case 'recordMarker':
      return { $case: 'markerRecorded', value: { completedEventId, ...command.value } };
  }
}

/** One line per command: what tests compare. */
export function lines(completion: WorkflowTaskCompletion): string[] {
  return completion.commands.map(({ attributes }) => line(attributes as CommandAttributes));
}

function markerLine(marker: MarkerRecorded['marker']): string {
  const show = (payload: Parameters<typeof decodeValue>[1]): string => JSON.stringify(decodeValue(converter, payload, 'x')) ?? 'undefined';
  if (marker?.$case === 'sideEffect') return `side effect ${marker.value.number} ${show(marker.value.result)}`;
  if (marker?.$case === 'patch') return `patch ${marker.value.patchId}${marker.value.deprecated ? ' deprecated' : ''}`;
  if (marker?.$case !== 'localActivity') return 'no marker';
  const { number, activityType, attempt, outcome } = marker.value;
  const head = `local ${number} ${activityType} attempt ${attempt}`;
  if (outcome?.$case === 'result') return `${head} ${show(outcome.value)}`;
  return `${head} ${outcome?.$case} ${outcome?.$case === 'failure' ? outcome.value.message : ''}`.trimEnd();
}

function line({ $case, value }: CommandAttributes): string {
  const show = (payload: Parameters<typeof decodeValue>[1]): string => JSON.stringify(decodeValue(converter, payload, 'x')) ?? 'undefined';
  switch ($case) {
    case 'completeWorkflow':
      return `complete ${show(value.result)}`;
    case 'failWorkflow':
      return `fail ${value.failure?.info?.$case} ${value.failure?.message}`;
    case 'continueAsNew':
      return `continue as new ${value.workflowType}(${value.input.map(show).join(', ')})${value.carry.length === 0 ? '' : ` carry ${value.carry.join(',')}`}`;
    case 'cancelWorkflow':
      return 'cancel';
    case 'upsertProperties':
      return `upsert ${[...Object.keys(value.memo), ...Object.keys(value.searchAttributes)].join(',')}`;
    case 'scheduleActivity':
      return `activity ${value.number} ${value.activityType}(${value.input.map(show).join(', ')})`;
    case 'cancelActivity':
      return `cancel activity ${value.number}`;
    case 'startTimer':
      return `timer ${value.number} ${Number(value.duration?.seconds) * 1000 + (value.duration?.nanos ?? 0) / 1e6}`;
    case 'cancelTimer':
      return `cancel timer ${value.number}`;
    case 'scheduleChildWorkflow':
      return `child ${value.number} ${value.workflowType}(${value.input.map(show).join(', ')})`;
    case 'cancelChildWorkflow':
      return `cancel child ${value.number}`;
    case 'signalExternal':
      return `send ${value.number} ${value.signalName} to ${value.target?.workflowId ?? `child ${value.childNumber}`}`;
    case 'cancelExternal':
      return `send ${value.number} cancel to ${value.target?.workflowId ?? `child ${value.childNumber}`}`;
    case 'acceptUpdate':
      return `accept ${value.updateId}`;
    case 'completeUpdate':
      return value.outcome?.$case === 'failure'
        ? `fail ${value.updateId}: ${value.outcome.value.message}`
        : `answer ${value.updateId} ${show(value.outcome?.value)}`;
    case 'recordMarker':
      return markerLine(value.marker);
  }
}
