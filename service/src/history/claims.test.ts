/** Hand-outs that get lost, fail or come back, and what workers report meanwhile. Time stands still unless a test advances it. */
import { type ActivityTask, ScheduleActivityCommand } from '@perdure/proto/perdure/api/v1/activity';
import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import { History } from '@perdure/proto/perdure/api/v1/event';
import { type WorkflowTask, WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import {
  CompleteWorkflowTasksRequest,
  FailWorkflowTasksRequest,
  HeartbeatActivitiesRequest,
  PollActivityTasksRequest,
  PollWorkflowTasksRequest,
  ReturnTasksRequest,
  WorkflowTaskCompletion,
} from '@perdure/proto/perdure/api/v1/worker_service';
import {
  DescribeWorkflowRequest,
  GetWorkflowHistoryRequest,
  QueryWorkflowRequest,
  SignalWorkflowRequest,
  StartWorkflowRequest,
} from '@perdure/proto/perdure/api/v1/workflow_service';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createManualEnv, type ManualEnv } from '../../test/support/manual-env.ts';
import { startTestNode, type TestNode } from '../../test/support/node.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../store/memory/database.ts';
import { createMemoryStore, type StoreFaults } from '../store/memory/store.ts';
import { StoreError } from '../store/store.ts';
import type { HistoryOptions } from './service.ts';

const call = { abort: new AbortController().signal };
const execution = { workflowId: 'w', runId: '' };
const seconds = (count: number) => ({ seconds: BigInt(count), nanos: 0 });
const text = (value: string): Payload => ({ encoding: 'json/plain', data: new TextEncoder().encode(JSON.stringify(value)), metadata: {} });
const workerOf = (workerId: string) => ({ workerId, identity: workerId, buildId: '', sdkName: 'test', sdkVersion: '1' });
const worker = workerOf('w-1');

let env: ManualEnv;
let database: MemoryDatabase;
let faults: StoreFaults;
let node: TestNode;

beforeEach(async () => {
  env = createManualEnv();
  database = createMemoryDatabase();
  faults = {};
  await boot();
});

afterEach(() => stop());

async function boot(history: HistoryOptions = {}): Promise<void> {
  const store = createMemoryStore({ now: env.now, database, faults });
  const booting = startTestNode(env, store, { history: { coolAfterMs: 5_000, ...history } });
  await env.advance(1_000);
  node = await booting;
}

async function stop(): Promise<void> {
  faults.before = undefined as never;
  node.matching.close();
  const stopping = node.history.stop();
  await env.advance(1_000);
  await stopping;
}

/** The process dies: nothing is handed over, the same address starts again. */
async function crash(): Promise<void> {
  faults.before = () => {
    throw new StoreError('down', 'gone');
  };
  node.matching.close();
  const stopping = node.history.stop();
  await env.advance(10_000);
  await stopping;
  faults.before = undefined as never;
  await boot();
}

/** The database refuses these calls for a passing reason. */
function refuse(method: string): void {
  faults.before = (made) => {
    if (made.method === method) throw new StoreError('abort', 'not now');
  };
}

async function answered<T>(promise: Promise<T>, ms = 10): Promise<T> {
  await env.advance(ms);
  return await promise;
}

function start(fields: Partial<StartWorkflowRequest> = {}) {
  const request = StartWorkflowRequest.create({ workflowId: 'w', workflowType: 't', taskQueue: 'q', ...fields });
  return answered(node.frontend.startWorkflow(request, call));
}

const signal = () =>
  node.frontend.signalWorkflow(SignalWorkflowRequest.create({ execution, signalName: 's', requestId: env.newId() }), call);

const pollOf = (waitS: number, workerId = 'w-1') => ({
  taskQueue: 'q',
  worker: workerOf(workerId),
  maxTasks: 1,
  waitTimeout: seconds(waitS),
});

/** Polls; undefined when no task came. The answer is named as received. */
async function polling(waitS: number, workerId = 'w-1'): Promise<WorkflowTask | undefined> {
  const answer = await node.frontend.pollWorkflowTasks(PollWorkflowTasksRequest.create(pollOf(waitS, workerId)), call);
  node.matching.received([answer.answerId]);
  return answer.tasks[0];
}

/** The same while time passes. */
const poll = (waitS = 1) => answered(polling(waitS), waitS * 1_000 + 10);

async function pollingActivity(waitS: number, received = true): Promise<ActivityTask | undefined> {
  const answer = await node.frontend.pollActivityTasks(PollActivityTasksRequest.create(pollOf(waitS)), call);
  if (received) node.matching.received([answer.answerId]);
  return answer.tasks[0];
}

const pollActivity = (waitS = 1, received = true) => answered(pollingActivity(waitS, received), waitS * 1_000 + 10);

async function complete(task: WorkflowTask | undefined, fields: Partial<WorkflowTaskCompletion> = {}) {
  const completions = [WorkflowTaskCompletion.create({ token: task?.token ?? new Uint8Array(0), sticky: true, ...fields })];
  const answer = await answered(node.frontend.completeWorkflowTasks(CompleteWorkflowTasksRequest.create({ worker, completions }), call));
  return answer.results[0]?.outcome;
}

/** Starts a run whose only activity waits for a worker. */
async function schedule(fields: Partial<ScheduleActivityCommand> = {}): Promise<void> {
  await start();
  const value = ScheduleActivityCommand.create({ number: 1, activityType: 'a', startToCloseTimeout: seconds(3_600), ...fields });
  const outcome = await complete(await poll(), { commands: [{ attributes: { $case: 'scheduleActivity', value } }] });
  expect(outcome?.$case).toBe('ok');
}

const once = {
  initialInterval: undefined,
  backoffCoefficient: 0,
  maximumInterval: undefined,
  maximumAttempts: 1,
  nonRetryableErrorTypes: [],
};

function heartbeat(task: ActivityTask | undefined, details?: Payload) {
  const heartbeats = [{ token: task?.token ?? new Uint8Array(0), details }];
  return answered(node.frontend.heartbeatActivities(HeartbeatActivitiesRequest.create({ worker, heartbeats }), call));
}

async function pending() {
  return (await answered(node.frontend.describeWorkflow(DescribeWorkflowRequest.create({ execution }), call))).pendingActivities[0];
}

async function events(): Promise<string[]> {
  const answer = await answered(node.frontend.getWorkflowHistory(GetWorkflowHistoryRequest.create({ execution }), call));
  return History.decode(answer.history).events.map((event) => event.attributes?.$case ?? '');
}

test('R-MATCH-1: an attempt whose answer got lost is offered again, though its run has left memory', async () => {
  await schedule();
  expect((await pollActivity(1, false))?.attempt).toBe(1);
  await env.advance(9_000);
  expect(node.history.stats().hot).toBe(0);
  // Also when the run cannot be read when the receipt is missed.
  refuse('loadRuns');
  await env.advance(6_000);
  faults.before = undefined as never;
  expect(await pollActivity(5)).toMatchObject({ attempt: 1, activityId: '1' });
});

test('R-LOG-5: an attempt that came back untouched is offered at once by the next owner too', async () => {
  await schedule();
  const task = await pollActivity();
  await env.advance(8_000);
  expect(node.history.stats().hot).toBe(0);
  const untouched = [task?.token ?? new Uint8Array(0)];
  await answered(node.frontend.returnTasks(ReturnTasksRequest.create({ worker, untouched }), call));
  await crash();
  expect(await pollActivity()).toMatchObject({ attempt: 1, activityId: '1' });
});

test('R-ACT-9: a last attempt whose answer could not be released has not run, and is handed out again', async () => {
  await schedule({ retryPolicy: once });
  refuse('beat');
  await env.advance(8_000);
  const task = pollingActivity(20);
  await env.advance(2_000);
  faults.before = undefined as never;
  expect(await answered(task, 4_000)).toMatchObject({ attempt: 1 });
  expect(await events()).not.toContain('activityFailed');
});

test('a workflow task that cannot be read is offered again soon, as the same attempt', async () => {
  await start();
  await complete(await poll());
  await answered(signal());
  refuse('readHistory');
  const task = polling(20, 'w-2');
  await env.advance(1_000);
  faults.before = undefined as never;
  expect(await answered(task, 1_000)).toMatchObject({ attempt: 1, seenEventId: 3n });
});

test('a task that travels with an answer that may not be released is offered again soon', async () => {
  await start();
  const first = await poll();
  await answered(signal());
  refuse('beat');
  await env.advance(8_000);
  expect(await complete(first)).toMatchObject({ $case: 'error' });
  faults.before = undefined as never;
  await env.advance(2_000);
  expect(await poll(2)).toMatchObject({ attempt: 1, baseEventId: 3n });
});

test('R-ACT-11: a run that is read again by its owner waits for the next heartbeat', async () => {
  await schedule({ heartbeatTimeout: seconds(20) });
  const task = await pollActivity();
  await env.advance(14_000);
  await heartbeat(task);
  await env.advance(10_000);
  // The commit of the signal fails, so the run is dropped and read again.
  refuse('commit');
  await Promise.all([expect(signal()).rejects.toMatchObject({ reason: 'UNAVAILABLE' }), env.advance(10)]);
  faults.before = undefined as never;
  await env.advance(9_000);
  expect((await pending())?.attempt).toBe(1);
  const answer = await heartbeat(task);
  expect(answer.results[0]?.error).toBeUndefined();
});

test('R-ACT-10: what an attempt has reported last is kept when its run leaves memory, and when the node stops', async () => {
  await schedule();
  const task = await pollActivity();
  await heartbeat(task, text('one'));
  await env.advance(13_000);
  expect(node.history.stats().hot).toBe(0);
  expect((await pending())?.heartbeatDetails).toEqual(text('one'));
  await heartbeat(task, text('two'));
  await stop();
  await boot();
  expect((await pending())?.heartbeatDetails).toEqual(text('two'));
});

const ask = () => node.frontend.queryWorkflow(QueryWorkflowRequest.create({ execution, queryType: 'x' }), call);

test('R-QUERY-2: a query whose task timed out travels with the next one', async () => {
  await start({ taskTimeout: seconds(2) });
  await complete(await poll());
  await answered(signal());
  const asking = ask().catch((error: unknown) => error);
  await env.settle();
  expect((await poll(0))?.queries).toHaveLength(1);
  await env.advance(2_000);
  const again = await poll(0);
  expect(again).toMatchObject({ attempt: 2, queries: [{ queryType: 'x' }] });
  const queryResults = [{ queryId: again?.queries[0]?.queryId ?? '', outcome: { $case: 'result' as const, value: text('y') } }];
  await complete(again, { queryResults });
  expect(await asking).toMatchObject({ outcome: { $case: 'result' } });
});

test('R-QUERY-2: a query whose own task got no answer is asked again, once per task', async () => {
  await start({ taskTimeout: seconds(2) });
  await complete(await poll());
  const asking = ask().catch((error: unknown) => error);
  await env.settle();
  expect(await poll(0)).toMatchObject({ queryOnly: true });
  expect(await poll(1)).toBeUndefined();
  await env.advance(1_000);
  const again = await poll(0);
  expect(again).toMatchObject({ queryOnly: true, queries: [{ queryType: 'x' }] });
  const results = [{ queryId: again?.queries[0]?.queryId ?? '', outcome: { $case: 'result' as const, value: text('y') } }];
  const completions = [
    { token: again?.token ?? new Uint8Array(0), queryResults: results, cause: WorkflowTaskFailureCause.UNSPECIFIED, failure: undefined },
  ];
  await answered(node.frontend.completeQueries({ namespace: '', worker, completions }, call));
  expect(await asking).toMatchObject({ outcome: { $case: 'result' } });
  expect(await poll(1)).toBeUndefined();
});

test('R-CLOSE-2: inputs held for a refused close go on when its task fails, though that failure is not written', async () => {
  await start();
  const fail = async (task: WorkflowTask | undefined): Promise<void> => {
    const failures = [{ token: task?.token ?? new Uint8Array(0), cause: WorkflowTaskFailureCause.WORKFLOW_ERROR, failure: undefined }];
    await answered(node.frontend.failWorkflowTasks(FailWorkflowTasksRequest.create({ worker, failures }), call));
  };
  await fail(await poll());
  await fail(await poll());
  await env.advance(2_000);
  const third = await poll();
  expect(third?.attempt).toBe(3);
  await answered(signal());
  const value = { result: undefined };
  const refused = await complete(third, { commands: [{ attributes: { $case: 'completeWorkflow', value } }] });
  expect(refused).toMatchObject({ $case: 'error', value: { reason: 'UNSEEN_EVENTS' } });
  let taken = false;
  const late = signal().then(() => {
    taken = true;
  });
  await env.settle();
  expect(taken).toBe(false);
  const again = await poll(0);
  expect(again?.attempt).toBe(3);
  await fail(again);
  expect(taken).toBe(true);
  await late;
});

test('a task that its worker asked for outlives a memory that is too small', async () => {
  await stop();
  await boot({ maxHotRuns: 0 });
  await start();
  await complete(await poll(), {
    forceNewTask: true,
    sticky: false,
    variables: { step: { encoding: '', data: new Uint8Array(0), metadata: {} } },
  });
  await env.advance(20_000);
  expect(await poll()).toMatchObject({ attempt: 1, baseEventId: 2n });
});
