/** A new worker ends the back-off of runs whose workflow task fails. Time stands still unless a test advances it. */
import { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { FailWorkflowTasksRequest, PollWorkflowTasksRequest } from '@perdure/proto/perdure/api/v1/worker_service';
import { StartWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createManualEnv, type ManualEnv } from '../../test/support/manual-env.ts';
import { startTestNode, type TestNode } from '../../test/support/node.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../store/memory/database.ts';
import { createMemoryStore } from '../store/memory/store.ts';

const call = { abort: new AbortController().signal };

let env: ManualEnv;
let database: MemoryDatabase;
let node: TestNode;

beforeEach(async () => {
  env = createManualEnv();
  database = createMemoryDatabase();
  await boot();
});

afterEach(() => stop());

async function boot(): Promise<void> {
  const booting = startTestNode(env, createMemoryStore({ now: env.now, database }), { history: { coolAfterMs: 5_000 } });
  await env.advance(1_000);
  node = await booting;
}

async function stop(): Promise<void> {
  node.matching.close();
  const stopping = node.history.stop();
  await env.advance(1_000);
  await stopping;
}

async function answered<T>(promise: Promise<T>): Promise<T> {
  await env.advance(10);
  return await promise;
}

const workerOf = (workerId: string) => ({ workerId, identity: workerId, buildId: '', sdkName: 'test', sdkVersion: '1' });
const pollOf = (workerId: string) =>
  node.frontend.pollWorkflowTasks(
    PollWorkflowTasksRequest.create({ taskQueue: 'q', worker: workerOf(workerId), maxTasks: 10, waitTimeout: { seconds: 60n, nanos: 0 } }),
    call,
  );

async function start(workflowId: string, taskQueue = 'q'): Promise<void> {
  await answered(node.frontend.startWorkflow(StartWorkflowRequest.create({ workflowId, workflowType: 't', taskQueue }), call));
}

function fail(token: Uint8Array, workerId: string): Promise<unknown> {
  const failure = { message: 'bug', stackTrace: '', source: '', cause: undefined, encodedAttributes: undefined, info: undefined };
  const failures = [{ token, cause: WorkflowTaskFailureCause.WORKFLOW_ERROR, failure }];
  return answered(node.frontend.failWorkflowTasks(FailWorkflowTasksRequest.create({ worker: workerOf(workerId), failures }), call));
}

/** Lets the worker fail the run until it waits for `attempt`. */
async function failUntil(attempt: number, workerId: string): Promise<void> {
  for (let failed = 1; failed < attempt; failed += 1) {
    const polling = pollOf(workerId);
    await env.advance(failed < 2 ? 0 : 1_300 * 2 ** (failed - 2));
    const task = (await polling).tasks[0];
    expect(task?.attempt).toBe(failed);
    await fail(task?.token ?? new Uint8Array(0), workerId);
  }
}

test('its task goes to the new worker at once, though an old one polls first', async () => {
  await start('w');
  await failUntil(6, 'old');
  const old = pollOf('old');
  await env.settle();
  const task = (await answered(pollOf('new'))).tasks[0];
  expect([task?.execution?.workflowId, task?.attempt]).toEqual(['w', 6]);
  await fail(task?.token ?? new Uint8Array(0), 'new');
  // Known now: it ends no other back-off.
  const again = pollOf('new');
  await env.advance(10_000);
  await env.advance(20_000);
  const tasks = await Promise.race([old, again]);
  expect(tasks.tasks[0]?.attempt).toBe(7);
});

test('a run that waits long stays within reach', async () => {
  await start('w');
  await failUntil(8, 'old');
  await env.advance(20_000);
  expect((await answered(pollOf('new'))).tasks[0]?.attempt).toBe(8);
});

test('a worker of another queue changes nothing', async () => {
  await start('w', 'q');
  await failUntil(6, 'old');
  const other = node.frontend.pollWorkflowTasks(
    PollWorkflowTasksRequest.create({ taskQueue: 'other', worker: workerOf('new'), maxTasks: 1, waitTimeout: { seconds: 2n, nanos: 0 } }),
    call,
  );
  const old = pollOf('old');
  await env.advance(3_000);
  expect((await other).tasks).toEqual([]);
  expect(await Promise.race([old, Promise.resolve('nothing yet')])).toBe('nothing yet');
});

test('after a restart of the node every worker is new, also one that polls before its runs are read', async () => {
  await start('w');
  await failUntil(8, 'old');
  await stop();
  const booting = startTestNode(env, createMemoryStore({ now: env.now, database }), {});
  await env.settle();
  node = await booting;
  expect((await answered(pollOf('old'))).tasks[0]?.execution?.workflowId).toBe('w');
});
