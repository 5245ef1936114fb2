/** Chains of runs behind the real frontend and matching, on the memory store, in time that the test lets pass. */
import type { Command } from '@perdure/proto/perdure/api/v1/command';
import { History, type HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import {
  CompleteWorkflowTasksRequest,
  PollWorkflowTasksRequest,
  WorkflowTaskCompletion,
} from '@perdure/proto/perdure/api/v1/worker_service';
import { ContinueAsNewCommand, WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import {
  AwaitWorkflowResultsRequest,
  DescribeWorkflowRequest,
  GetWorkflowHistoryRequest,
  SignalWorkflowRequest,
  StartWorkflowRequest,
} from '@perdure/proto/perdure/api/v1/workflow_service';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createManualEnv, type ManualEnv } from '../../test/support/manual-env.ts';
import { startTestNode, type TestNode } from '../../test/support/node.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../store/memory/database.ts';
import { createMemoryStore } from '../store/memory/store.ts';

const call = { abort: new AbortController().signal };
const worker = { workerId: 'w-1', identity: 'test', buildId: 'b', sdkName: 'test', sdkVersion: '1' };
const payload = (value: unknown) => ({ encoding: 'json/plain', data: Buffer.from(JSON.stringify(value)), metadata: {} });

let env: ManualEnv;
let database: MemoryDatabase;
let node: TestNode;

beforeEach(async () => {
  env = createManualEnv();
  database = createMemoryDatabase();
  node = await boot();
});

afterEach(() => halt());

async function boot(): Promise<TestNode> {
  const booting = startTestNode(env, createMemoryStore({ now: () => env.now(), database }), {});
  await env.advance(1_000);
  return booting;
}

async function halt(): Promise<void> {
  node.matching.close();
  const stopped = node.history.stop();
  await env.advance(5_000);
  await stopped;
}

/** Lets time pass until it is done. */
async function until<T>(promise: Promise<T>, stepMs = 10): Promise<T> {
  let over = false;
  const ended = promise.finally(() => {
    over = true;
  });
  ended.catch(() => {});
  while (!over) await env.advance(stepMs);
  return ended;
}

const execution = (runId = '') => ({ workflowId: 'w', runId });

function start(fields: Partial<StartWorkflowRequest> = {}) {
  const request = StartWorkflowRequest.create({ workflowId: 'w', workflowType: 't', taskQueue: 'q', ...fields });
  return until(node.frontend.startWorkflow(request, call));
}

function signalNow(value: number, runId = '', requestId = env.newId()) {
  const request = SignalWorkflowRequest.create({ execution: execution(runId), signalName: 's', input: [payload(value)], requestId });
  return node.frontend.signalWorkflow(request, call);
}

const signal = (...args: Parameters<typeof signalNow>) => until(signalNow(...args));

async function poll(): Promise<WorkflowTask> {
  const request = PollWorkflowTasksRequest.create({ taskQueue: 'q', worker, maxTasks: 1, waitTimeout: { seconds: 30n, nanos: 0 } });
  const { tasks } = await until(node.frontend.pollWorkflowTasks(request, call));
  const [task] = tasks;
  if (task === undefined) throw new Error('no task came');
  return task;
}

async function complete(task: WorkflowTask, ...commands: Command['attributes'][]) {
  const completion = WorkflowTaskCompletion.create({ token: task.token, commands: commands.map((attributes) => ({ attributes })) });
  const request = CompleteWorkflowTasksRequest.create({ worker, completions: [completion] });
  return (await until(node.frontend.completeWorkflowTasks(request, call))).results[0]?.outcome;
}

const next = (fields: Partial<ContinueAsNewCommand> = {}): Command['attributes'] => ({
  $case: 'continueAsNew',
  value: ContinueAsNewCommand.create(fields),
});
const done: Command['attributes'] = { $case: 'completeWorkflow', value: { result: payload('done') } };

async function events(runId = ''): Promise<HistoryEvent[]> {
  const page = await until(node.frontend.getWorkflowHistory(GetWorkflowHistoryRequest.create({ execution: execution(runId) }), call));
  return History.decode(page.history).events;
}

const kinds = async (runId = '') => (await events(runId)).map(({ attributes }) => attributes?.$case);
const numberOf = ({ attributes }: HistoryEvent): number =>
  attributes?.$case === 'workflowSignaled' ? Number(Buffer.from(attributes.value.input[0]?.data ?? []).toString()) : Number.NaN;

const describe = (runId = '') =>
  until(node.frontend.describeWorkflow(DescribeWorkflowRequest.create({ execution: execution(runId) }), call));

function results(runId: string, thisRunOnly = false) {
  const request = { executions: [execution(runId)], thisRunOnly, waitTimeout: { seconds: 30n, nanos: 0 } };
  return node.frontend.awaitWorkflowResults(AwaitWorkflowResultsRequest.create(request), call);
}

/** Two runs: the ids of the first and of the one that continues it. */
async function chained(): Promise<{ first: string; second: string }> {
  const { runId: first } = await start();
  await complete(await poll(), next());
  const second = (await describe()).summary?.execution?.runId ?? '';
  expect(second).not.toBe(first);
  return { first, second };
}

test('R-CHAIN-1 R-CHAIN-10 describe shows the links, and the older run is closed as continued', async () => {
  const { first, second } = await chained();
  expect(await describe(first)).toMatchObject({
    summary: { status: WorkflowStatus.CONTINUED_AS_NEW },
    firstRunId: first,
    continuedFromRunId: '',
    newRunId: second,
  });
  expect(await describe(second)).toMatchObject({
    summary: { status: WorkflowStatus.RUNNING },
    firstRunId: first,
    continuedFromRunId: first,
    newRunId: '',
  });
});

test('R-CHAIN-10 results follow the chain to its end, unless told otherwise', async () => {
  const { runId: first } = await start();
  const [followed, alone] = [results(first), results(first, true)];
  await complete(await poll(), next());
  expect((await until(alone)).results).toMatchObject([{ runId: first, status: WorkflowStatus.CONTINUED_AS_NEW }]);
  const second = (await describe()).summary?.execution?.runId ?? '';
  await complete(await poll(), next());
  await complete(await poll(), done);
  const end = (await until(followed)).results[0];
  expect(end).toMatchObject({ status: WorkflowStatus.COMPLETED, outcome: { value: { attributes: { $case: 'workflowCompleted' } } } });
  expect([first, second]).not.toContain(end?.runId);
  // Who asks later, by any of the runs, is told the same; also when another chain has begun since.
  expect((await until(results(second))).results[0]?.runId).toBe(end?.runId);
  await start();
  expect((await until(results(first))).results[0]?.runId).toBe(end?.runId);
  expect((await until(results(second, true))).results[0]?.status).toBe(WorkflowStatus.CONTINUED_AS_NEW);
});

test('R-CHAIN-10 signals and cancel requests that name an older run reach the one that continues it', async () => {
  const { first, second } = await chained();
  expect((await signal(1, first)).runId).toBe(second);
  await until(
    node.frontend.requestCancelWorkflow({ namespace: '', execution: execution(first), reason: '', identity: '', requestId: '' }, call),
  );
  expect(await kinds(second)).toEqual(['workflowStarted', 'workflowSignaled', 'workflowCancelRequested']);
  await until(
    node.frontend.terminateWorkflow(
      { namespace: '', execution: execution(first), reason: 'r', details: [], identity: '', requestId: '' },
      call,
    ),
  );
  expect((await describe(second)).summary?.status).toBe(WorkflowStatus.TERMINATED);
  // The chain has ended.
  await expect(signal(2, first)).rejects.toMatchObject({ reason: 'WORKFLOW_CLOSED' });
});

test('R-CHAIN-10 R-PAUSE-2 pause and resume that name an older run hold the one that continues it', async () => {
  const { first, second } = await chained();
  const request = { namespace: '', execution: execution(first), reason: 'look', identity: 'me', requestId: env.newId() };
  expect(await until(node.frontend.pauseWorkflow(request, call))).toEqual({ runId: second });
  expect((await describe(second)).summary?.status).toBe(WorkflowStatus.PAUSED);
  expect((await describe(first)).summary?.status).toBe(WorkflowStatus.CONTINUED_AS_NEW);
  const resume = { ...request, requestId: env.newId() };
  expect(await until(node.frontend.resumeWorkflow(resume, call))).toEqual({ runId: second });
  // The same pause again must not undo the resume.
  expect(await until(node.frontend.pauseWorkflow(request, call))).toEqual({ runId: second });
  expect(await kinds(second)).toEqual(['workflowStarted', 'workflowPaused', 'workflowResumed']);
  await complete(await poll(), done);
  await expect(until(node.frontend.pauseWorkflow({ ...request, requestId: env.newId() }, call))).rejects.toMatchObject({
    reason: 'WORKFLOW_CLOSED',
  });
});

test('R-CHAIN-10 R-CHAIN-11 a run that is no longer kept still names its chain', async () => {
  const requestId = env.newId();
  const { runId: first } = await start({ requestId });
  await complete(await poll(), next());
  const second = (await describe()).summary?.execution?.runId;
  await halt();
  for (const slot of database.executions) for (const [id, row] of slot) if (row.key.runId === first) slot.delete(id);
  for (const id of database.history.keys()) if (id.includes(first)) database.history.delete(id);
  for (const runs of database.byWorkflow.values()) for (const id of runs) if (id.includes(first)) runs.delete(id);
  node = await boot();
  expect((await signal(1, first)).runId).toBe(second);
  expect(await start({ requestId })).toEqual({ runId: first, started: false });
  const followed = results(first);
  await complete(await poll(), done);
  expect((await until(followed)).results[0]?.status).toBe(WorkflowStatus.COMPLETED);
});

test('R-CHAIN-11 a repeated start finds the chain, a repeated signal is not recorded again', async () => {
  const [requestId, signalId] = [env.newId(), env.newId()];
  const { runId: first } = await start({ requestId });
  await signal(1, '', signalId);
  await complete(await poll(), next());
  expect(await start({ requestId })).toEqual({ runId: first, started: false });
  await signal(1, '', signalId);
  await signal(1, first, signalId);
  expect(await kinds()).toEqual(['workflowStarted']);
});

test('R-CHAIN-2 what comes while the task is out moves along, also to a client that names the older run', async () => {
  const { runId: first } = await start();
  const task = await poll();
  await signal(1);
  await signal(2, first);
  await complete(task, next());
  expect((await events()).slice(1).map(numberOf)).toEqual([1, 2]);
  expect(await kinds(first)).toEqual([
    'workflowStarted',
    'workflowSignaled',
    'workflowSignaled',
    'workflowTaskCompleted',
    'workflowContinuedAsNew',
  ]);
});

test('R-CHAIN-3 only signals that the task had seen can be carried', async () => {
  await start();
  const task = await poll();
  await signal(1);
  expect(await complete(task, next({ carry: [2n] }))).toMatchObject({ $case: 'error', value: { reason: 'BAD_COMMAND' } });
});

test('R-CHAIN-2 R-CHAIN-3 a storm of signals over a hundred runs: each is handled once, in order', async () => {
  const count = 5_000;
  const handled: number[] = [];
  await start();
  const sending: Promise<unknown>[] = [];
  let runs = 0;
  for (let sent = 0; handled.length < count; ) {
    for (let burst = 0; burst < 23 && sent < count; burst += 1, sent += 1) sending.push(signalNow(sent));
    const task = await poll();
    // While the task is out, more come.
    for (let burst = 0; burst < 11 && sent < count; burst += 1, sent += 1) sending.push(signalNow(sent));
    await env.settle();
    const signals = History.decode(task.history).events.filter(({ attributes }) => attributes?.$case === 'workflowSignaled');
    if (signals.length < 50 && sent < count) {
      await complete(task);
      continue;
    }
    // The last three found no handler.
    const carried = sent < count ? signals.slice(-3) : [];
    handled.push(...signals.slice(0, signals.length - carried.length).map(numberOf));
    runs += 1;
    if (handled.length < count) await complete(task, next({ carry: carried.map(({ id }) => id) }));
    else await complete(task, done);
  }
  await until(Promise.all(sending));
  expect(runs).toBeGreaterThan(60);
  expect(handled).toEqual(Array.from({ length: count }, (_, index) => index));
}, 60_000);
