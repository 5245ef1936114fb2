/** Updates, messages that start their run, and repeated requests, through a whole node. Time stands still unless a test advances it. */
import { type WorkflowTask, WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { UpdateStage } from '@perdure/proto/perdure/api/v1/update';
import {
  CompleteWorkflowTasksRequest,
  FailWorkflowTasksRequest,
  PollWorkflowTasksRequest,
  WorkflowTaskCompletion,
} from '@perdure/proto/perdure/api/v1/worker_service';
import {
  AwaitWorkflowUpdateRequest,
  type QueryRejectCondition,
  QueryWorkflowRequest,
  SignalWithStartWorkflowRequest,
  StartWorkflowRequest,
  TerminateWorkflowRequest,
  UpdateWithStartWorkflowRequest,
  UpdateWorkflowRequest,
} from '@perdure/proto/perdure/api/v1/workflow_service';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createManualEnv, type ManualEnv } from '../../test/support/manual-env.ts';
import { startTestNode, type TestNode } from '../../test/support/node.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../store/memory/database.ts';
import { createMemoryStore } from '../store/memory/store.ts';

const call = { abort: new AbortController().signal };
const worker = { workerId: 'w-1', identity: 'test', buildId: '', sdkName: 'test', sdkVersion: '1' };
const execution = { workflowId: 'w', runId: '' };
const { ADMITTED, ACCEPTED, COMPLETED } = UpdateStage;

let env: ManualEnv;
let database: MemoryDatabase;
let node: TestNode;

beforeEach(async () => {
  env = createManualEnv();
  database = createMemoryDatabase();
  node = await inTime(startTestNode(env, createMemoryStore({ now: env.now, database })));
});

afterEach(() => stop());

async function stop(): Promise<void> {
  node.matching.close();
  await inTime(node.history.stop(), 1_000);
}

/** Lets the node work on it for a moment. */
async function inTime<T>(work: Promise<T>, ms = 20): Promise<T> {
  work.catch(() => {});
  await env.advance(ms);
  return work;
}

/** What became of a call so far. */
function watch<T>(work: Promise<T>): { state: string; value?: T } {
  const seen: { state: string; value?: T } = { state: 'waits' };
  work.then(
    (value) => Object.assign(seen, { state: 'ok', value }),
    (error: { reason?: string; message: string }) => Object.assign(seen, { state: `${error.reason}` }),
  );
  return seen;
}

const startOf = (fields: object = {}): object => ({
  workflowId: 'w',
  workflowType: 'x',
  taskQueue: 'q',
  requestId: env.newId(),
  ...fields,
});

async function start(): Promise<string> {
  return (await inTime(node.frontend.startWorkflow(StartWorkflowRequest.fromPartial(startOf()), call))).runId;
}

async function poll(): Promise<WorkflowTask> {
  const request = PollWorkflowTasksRequest.fromPartial({ taskQueue: 'q', worker, maxTasks: 1, waitTimeout: { seconds: 1n } });
  const { tasks } = await inTime(node.frontend.pollWorkflowTasks(request, call));
  return tasks[0] as WorkflowTask;
}

async function complete(task: WorkflowTask, completion: object = {}): Promise<string> {
  const completions = [WorkflowTaskCompletion.fromPartial({ token: task.token, ...completion })];
  const { results } = await inTime(
    node.frontend.completeWorkflowTasks(CompleteWorkflowTasksRequest.fromPartial({ worker, completions }), call),
  );
  const outcome = results[0]?.outcome;
  return outcome?.$case === 'ok' ? `C${outcome.value.completedEventId}` : `${outcome?.value.reason}`;
}

/** The run waits for something to do. */
async function idle(): Promise<string> {
  const runId = await start();
  await complete(await poll());
  return runId;
}

function update(updateId: string, fields: object = {}): ReturnType<TestNode['frontend']['updateWorkflow']> {
  const request = { updateId, updateName: 'set' };
  return node.frontend.updateWorkflow(UpdateWorkflowRequest.fromPartial({ execution, request, ...fields }), call);
}

function awaitUpdate(updateId: string, waitStage: UpdateStage = COMPLETED): ReturnType<TestNode['frontend']['awaitWorkflowUpdate']> {
  return node.frontend.awaitWorkflowUpdate(AwaitWorkflowUpdateRequest.fromPartial({ execution, updateId, waitStage }), call);
}

function signalWithStart(fields: object): ReturnType<TestNode['frontend']['signalWithStartWorkflow']> {
  return node.frontend.signalWithStartWorkflow(SignalWithStartWorkflowRequest.fromPartial({ signalName: 'go', ...fields }), call);
}

const accept = (updateId: string): object => ({ attributes: { $case: 'acceptUpdate', value: { updateId } } });
const payload = { encoding: 'json/plain', data: Uint8Array.of(49) };
const answer = (updateId: string): object => ({
  attributes: { $case: 'completeUpdate', value: { updateId, outcome: { $case: 'result', value: payload } } },
});
const close = { attributes: { $case: 'completeWorkflow', value: {} } };
const failure = { message: 'no' };

test('R-UPDATE-1: an update wakes a run, and its callers hear as far as they wait', async () => {
  await idle();
  const accepted = watch(update('u1', { waitStage: ACCEPTED }));
  const done = watch(update('u1'));
  const task = await poll();
  expect(task.updates).toMatchObject([{ updateId: 'u1', updateName: 'set' }]);
  await complete(task, { commands: [accept('u1')] });
  expect([accepted.state, accepted.value?.stage, done.state]).toEqual(['ok', ACCEPTED, 'waits']);
  const later = watch(awaitUpdate('u1'));
  const second = watch(update('u2'));
  const next = await poll();
  await complete(next, { commands: [answer('u1'), accept('u2'), answer('u2')] });
  expect([done.value?.stage, later.value?.stage, second.value?.stage]).toEqual([COMPLETED, COMPLETED, COMPLETED]);
  expect(done.value?.outcome?.outcome).toMatchObject({ $case: 'result', value: { data: Uint8Array.of(49) } });
  expect((await inTime(update('u2'))).outcome?.outcome?.$case).toBe('result');
});

test('R-UPDATE-2 R-UPDATE-3: rejected by the code, or left out', async () => {
  await idle();
  const no = watch(update('no'));
  const forgotten = watch(update('forgotten', { waitStage: ACCEPTED }));
  expect(await complete(await poll(), { rejectedUpdates: [{ updateId: 'no', failure }] })).toBe('C0');
  expect(no.value?.outcome?.outcome).toMatchObject({ $case: 'rejection', value: { message: 'no' } });
  expect(forgotten.value?.outcome?.outcome).toMatchObject({
    $case: 'rejection',
    value: { info: { $case: 'service', value: { reason: 'UPDATE_NOT_HANDLED' } } },
  });
  await expect(inTime(awaitUpdate('no'))).rejects.toMatchObject({ reason: 'UPDATE_NOT_FOUND' });
});

test('R-UPDATE-5: a task that is lost with its worker is asked of the next', async () => {
  await idle();
  const waits = watch(update('u1'));
  await poll();
  await env.advance(11_000);
  const again = await poll();
  expect([again.attempt, again.updates.map(({ updateId }) => updateId)]).toEqual([2, ['u1']]);
  await complete(again, { commands: [accept('u1'), answer('u1')] });
  expect(waits.value?.stage).toBe(COMPLETED);
});

test('R-UPDATE-6: a close ends the wait of all; what was completed is answered from the log', async () => {
  const runId = await idle();
  const running = watch(update('u1'));
  const completed = watch(update('u2'));
  await complete(await poll(), { commands: [accept('u1'), accept('u2'), answer('u2')] });
  const pending = watch(update('u3'));
  await inTime(node.frontend.terminateWorkflow(TerminateWorkflowRequest.fromPartial({ execution }), call));
  expect([running.state, completed.state, pending.state]).toEqual(['WORKFLOW_CLOSED', 'ok', 'WORKFLOW_CLOSED']);
  await stop();
  // Another node reads it from the log.
  node = await inTime(startTestNode(env, createMemoryStore({ now: env.now, database })), 30_000);
  expect(await inTime(update('u2'))).toMatchObject({ runId, stage: COMPLETED, outcome: { outcome: { $case: 'result' } } });
  expect(await inTime(awaitUpdate('u1', ACCEPTED))).toMatchObject({ stage: ACCEPTED });
  await expect(inTime(awaitUpdate('u1'))).rejects.toMatchObject({ reason: 'WORKFLOW_CLOSED', metadata: { status: 'TERMINATED' } });
  await expect(inTime(update('u4'))).rejects.toThrow('has closed (TERMINATED)');
});

test('R-UPDATE-7: a blocked run gives updates back at once, and is asked again when it is well', async () => {
  await idle();
  const first = watch(update('u1'));
  for (let n = 0; n < 2; n += 1) {
    const failures = [{ token: (await poll()).token, cause: WorkflowTaskFailureCause.WORKFLOW_ERROR, failure }];
    await inTime(node.frontend.failWorkflowTasks(FailWorkflowTasksRequest.fromPartial({ worker, failures }), call));
  }
  expect(first.state).toBe('RUN_BLOCKED');
  await expect(inTime(update('u2'))).rejects.toMatchObject({ reason: 'RUN_BLOCKED' });
  await env.advance(2_000);
  const task = await poll();
  expect([task.attempt, task.updates]).toEqual([3, []]);
  await complete(task);
  const second = watch(update('u2'));
  await complete(await poll(), { commands: [accept('u2'), answer('u2')] });
  expect(second.state).toBe('ok');
});

test('R-UPDATE-8: when the wait is over the caller hears the stage; what nobody waits for is not asked', async () => {
  await idle();
  const gone = new AbortController();
  const request = UpdateWorkflowRequest.fromPartial({ execution, request: { updateId: 'gone', updateName: 'set' } });
  const left = watch(node.frontend.updateWorkflow(request, { abort: gone.signal }));
  expect((await inTime(update('short', { waitTimeout: { seconds: 1n } }), 1_500)).stage).toBe(ADMITTED);
  const waits = watch(update('u1'));
  gone.abort();
  const task = await poll();
  expect(task.updates.map(({ updateId }) => updateId)).toEqual(['u1']);
  await complete(task, { commands: [accept('u1')] });
  expect((await inTime(awaitUpdate('u1'), 61_000)).stage).toBe(ACCEPTED);
  expect([left.state, waits.state, waits.value?.stage]).toEqual(['ok', 'ok', ACCEPTED]);
});

test('R-SWS-1 R-SWS-2: starts once, signals once, and is told the same', async () => {
  const first = startOf();
  const { runId } = await inTime(signalWithStart({ start: first }));
  expect(await inTime(signalWithStart({ start: first }))).toEqual({ runId, started: true });
  const second = startOf();
  expect(await inTime(signalWithStart({ start: second }))).toEqual({ runId, started: false });
  expect(await inTime(signalWithStart({ start: second }))).toEqual({ runId, started: false });
  const task = await poll();
  expect([task.baseEventId, task.seenEventId]).toEqual([0n, 3n]);
  await complete(task, { commands: [close] });
  // Closed less than a day ago, it still knows both.
  expect(await inTime(signalWithStart({ start: first }))).toEqual({ runId, started: true });
  expect(await inTime(signalWithStart({ start: second }))).toEqual({ runId, started: false });
  const third = await inTime(signalWithStart({ start: startOf() }));
  expect([third.started, third.runId === runId]).toEqual([true, false]);
  expect((await inTime(signalWithStart({ start: first }))).runId).toBe(runId);
});

test('R-SWS-2: two at once make one run', async () => {
  const [one, other] = await inTime(Promise.all([signalWithStart({ start: startOf() }), signalWithStart({ start: startOf() })]), 200);
  expect(one.runId).toBe(other.runId);
  expect([one.started, other.started].sort()).toEqual([false, true]);
  expect((await poll()).seenEventId).toBe(3n);
});

test('R-SWS-3: policies decide about open and closed runs', async () => {
  const open = await idle();
  const replaced = await inTime(signalWithStart({ start: startOf({ conflictPolicy: 3 }) }));
  expect([replaced.started, replaced.runId === open]).toEqual([true, false]);
  await expect(inTime(signalWithStart({ start: startOf({ conflictPolicy: 1 }) }))).rejects.toThrow('start.conflict_policy');
  await complete(await poll(), { commands: [close] });
  await expect(inTime(signalWithStart({ start: startOf({ reusePolicy: 3 }) }))).rejects.toMatchObject({
    reason: 'WORKFLOW_ALREADY_STARTED',
  });
});

test('R-SWS-1: an update with its start', async () => {
  const request = { updateId: 'u1', updateName: 'set' };
  const first = startOf();
  const send = (waitStage: UpdateStage = COMPLETED): ReturnType<TestNode['frontend']['updateWithStartWorkflow']> =>
    node.frontend.updateWithStartWorkflow(UpdateWithStartWorkflowRequest.fromPartial({ start: first, request, waitStage }), call);
  const waits = watch(send());
  const task = await poll();
  expect([task.baseEventId, task.updates.length]).toEqual([0n, 1]);
  await complete(task, { commands: [accept('u1'), answer('u1'), close] });
  expect(waits.value).toMatchObject({ started: true, stage: COMPLETED, updateId: 'u1' });
  expect(await inTime(send())).toMatchObject({ started: true, stage: COMPLETED, runId: waits.value?.runId ?? '' });
});

test('R-CANCEL-3: a terminate that is sent again succeeds', async () => {
  await idle();
  const terminate = (requestId: string): Promise<unknown> =>
    inTime(node.frontend.terminateWorkflow(TerminateWorkflowRequest.fromPartial({ execution, requestId }), call));
  const requestId = env.newId();
  await terminate(requestId);
  await terminate(requestId);
  await expect(terminate(env.newId())).rejects.toMatchObject({ reason: 'WORKFLOW_CLOSED' });
});

test('R-QUERY-5: a query may exclude runs by their status', async () => {
  await idle();
  const ask = (rejectCondition: QueryRejectCondition): Promise<unknown> =>
    inTime(node.frontend.queryWorkflow(QueryWorkflowRequest.fromPartial({ execution, queryType: 'x', rejectCondition }), call), 11_000);
  await expect(ask(1)).rejects.toMatchObject({ reason: 'QUERY_UNANSWERED' });
  await inTime(node.frontend.terminateWorkflow(TerminateWorkflowRequest.fromPartial({ execution }), call));
  for (const condition of [1, 2] as const)
    await expect(ask(condition)).rejects.toMatchObject({ reason: 'QUERY_REJECTED', metadata: { status: 'TERMINATED' } });
  await expect(ask(0)).rejects.toMatchObject({ reason: 'QUERY_UNANSWERED' });
});
