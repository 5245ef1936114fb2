/** R-QUERY-3 through a whole node: when a query need not wait. Time stands still unless a test advances it. */
import {
  CompleteWorkflowTasksRequest,
  PollWorkflowTasksRequest,
  WorkflowTaskCompletion,
} from '@perdure/proto/perdure/api/v1/worker_service';
import { QueryWorkflowRequest, StartWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createManualEnv, type ManualEnv } from '../../test/support/manual-env.ts';
import { startTestNode, type TestNode } from '../../test/support/node.ts';
import { createMemoryDatabase } from '../store/memory/database.ts';
import { createMemoryStore } from '../store/memory/store.ts';

const call = { abort: new AbortController().signal };
const worker = { workerId: 'w-1', identity: 'test', buildId: '', sdkName: 'test', sdkVersion: '1' };

let env: ManualEnv;
let node: TestNode;

beforeEach(async () => {
  env = createManualEnv();
  const starting = startTestNode(env, createMemoryStore({ now: env.now, database: createMemoryDatabase() }));
  await env.advance(10);
  node = await starting;
  const start = { workflowId: 'w', workflowType: 'x', taskQueue: 'q', requestId: env.newId() };
  const started = node.frontend.startWorkflow(StartWorkflowRequest.create(start), call);
  await env.advance(10);
  await started;
});

afterEach(async () => {
  node.matching.close();
  const stopping = node.history.stop();
  await env.advance(1_000);
  await stopping;
});

function poll(waitS: number): ReturnType<TestNode['frontend']['pollWorkflowTasks']> {
  const waitTimeout = { seconds: BigInt(waitS), nanos: 0 };
  return node.frontend.pollWorkflowTasks(PollWorkflowTasksRequest.create({ taskQueue: 'q', worker, maxTasks: 1, waitTimeout }), call);
}

/** The run's first task is completed without a command: it waits for a signal. */
async function idle(): Promise<void> {
  const polled = poll(1);
  await env.advance(10);
  const [task] = (await polled).tasks;
  const completions = [WorkflowTaskCompletion.create({ token: task?.token ?? new Uint8Array(0) })];
  const completed = node.frontend.completeWorkflowTasks(CompleteWorkflowTasksRequest.create({ worker, completions }), call);
  await env.advance(10);
  await completed;
}

function ask(workflowId = 'w'): { outcome(): string } {
  let outcome = 'waits';
  const request = QueryWorkflowRequest.create({ execution: { workflowId, runId: '' }, queryType: 'state' });
  node.frontend.queryWorkflow(request, call).then(
    () => {
      outcome = 'answered';
    },
    (error: Error) => {
      outcome = error.message;
    },
  );
  return { outcome: () => outcome };
}

test('R-QUERY-3 a query waits for a worker that polled lately, and gives up after 10 s', async () => {
  await idle();
  await env.advance(5_000);
  const query = ask();
  await env.advance(9_000);
  expect(query.outcome()).toBe('waits');
  await env.advance(1_100);
  expect(query.outcome()).toMatch(/^the query was not answered within 10000 ms: no worker has polled task queue "q" for 15 s/);
});

test('R-QUERY-3 when no worker has polled for 10 s it fails at once', async () => {
  await idle();
  await env.advance(11_000);
  const query = ask();
  await env.advance(10);
  expect(query.outcome()).toMatch(/^the query cannot be answered now: no worker has polled task queue "q" for 11 s/);
});

test('R-QUERY-3 a poll that waited long and has just ended was there all the time', async () => {
  await idle();
  const polled = poll(60);
  await env.advance(60_010);
  expect((await polled).tasks).toEqual([]);
  const query = ask();
  await env.advance(10);
  expect(query.outcome()).toBe('waits');
  await env.advance(10_000);
});

test('R-QUERY-3 a run that has just begun waits for its first worker', async () => {
  await env.advance(60_000);
  const start = { workflowId: 'new', workflowType: 'x', taskQueue: 'other', requestId: env.newId() };
  const started = node.frontend.startWorkflow(StartWorkflowRequest.create(start), call);
  await env.advance(10);
  await started;
  const query = ask('new');
  await env.advance(9_000);
  expect(query.outcome()).toBe('waits');
  await env.advance(1_010);
  expect(query.outcome()).toMatch(/no worker has polled task queue "other"/);
});

test('R-QUERY-3 a service that has just begun waits for workers to come back', async () => {
  const query = ask();
  await env.advance(100);
  expect(query.outcome()).toBe('waits');
  await env.advance(10_000);
});
