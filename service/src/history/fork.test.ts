/** Resets through a whole node: two runs in one commit, whatever meets them. Time stands still unless a test advances it. */
import type { Command } from '@perdure/proto/perdure/api/v1/command';
import { History } from '@perdure/proto/perdure/api/v1/event';
import { ResetPoint } from '@perdure/proto/perdure/api/v1/fork';
import type { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import {
  CompleteWorkflowTasksRequest,
  PollWorkflowTasksRequest,
  WorkflowTaskCompletion,
} from '@perdure/proto/perdure/api/v1/worker_service';
import {
  GetWorkflowHistoryRequest,
  ResetWorkflowRequest,
  type ResetWorkflowResponse,
  SignalWorkflowRequest,
  StartWorkflowRequest,
  TerminateWorkflowRequest,
} from '@perdure/proto/perdure/api/v1/workflow_service';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createManualEnv, type ManualEnv } from '../../test/support/manual-env.ts';
import { startTestNode, type TestNode } from '../../test/support/node.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../store/memory/database.ts';
import { createMemoryStore, type StoreFaults } from '../store/memory/store.ts';

const call = { abort: new AbortController().signal };
const worker = { workerId: 'w-1', identity: 'test', buildId: 'b1', sdkName: 'test', sdkVersion: '1' };

let env: ManualEnv;
let database: MemoryDatabase;
let faults: StoreFaults;
let node: TestNode;

beforeEach(async () => {
  env = createManualEnv();
  database = createMemoryDatabase();
  faults = {};
  node = await answered(startTestNode(env, createMemoryStore({ now: env.now, database, faults })));
});

afterEach(async () => {
  delete faults.before;
  node.matching.close();
  await answered(node.history.stop(), 1_000);
});

async function answered<T>(promise: Promise<T>, ms = 20): Promise<T> {
  await env.advance(ms);
  return await promise;
}

function start(fields: Partial<StartWorkflowRequest> = {}): Promise<{ runId: string }> {
  const request = StartWorkflowRequest.create({ workflowId: 'w', workflowType: 't', taskQueue: 'q', ...fields });
  return node.frontend.startWorkflow(request, call);
}

function reset(fields: Partial<ResetWorkflowRequest> = {}, runId = ''): Promise<ResetWorkflowResponse> {
  const point = { $case: 'at', value: ResetPoint.FIRST_TASK } as const;
  const request = ResetWorkflowRequest.create({ execution: { workflowId: 'w', runId }, requestId: env.newId(), point, ...fields });
  return node.frontend.resetWorkflow(request, call);
}

function signal(signalName: string): Promise<unknown> {
  const request = SignalWorkflowRequest.create({ execution: { workflowId: 'w', runId: '' }, signalName, requestId: env.newId() });
  return node.frontend.signalWorkflow(request, call);
}

/** Takes a task and completes it. */
async function work(commands: Command[] = []): Promise<WorkflowTask | undefined> {
  const polling = PollWorkflowTasksRequest.create({ taskQueue: 'q', worker, maxTasks: 1, waitTimeout: { seconds: 1n, nanos: 0 } });
  const { answerId, tasks } = await answered(node.frontend.pollWorkflowTasks(polling, call));
  node.matching.received([answerId]);
  const [task] = tasks;
  if (task === undefined) return undefined;
  const completions = [WorkflowTaskCompletion.create({ token: task.token, commands })];
  await answered(node.frontend.completeWorkflowTasks(CompleteWorkflowTasksRequest.create({ worker, completions }), call));
  return task;
}

/** Kinds of the events of a run, with the names of signals. */
async function log(runId: string): Promise<string[]> {
  const execution = { workflowId: 'w', runId };
  const kinds: string[] = [];
  for (let fromEventId = 1n, end = false; !end; ) {
    const page = await answered(node.frontend.getWorkflowHistory(GetWorkflowHistoryRequest.create({ execution, fromEventId }), call));
    for (const { attributes } of History.decode(page.history).events)
      kinds.push(attributes?.$case === 'workflowSignaled' ? attributes.value.signalName : (attributes?.$case ?? ''));
    fromEventId = page.nextEventId;
    end = page.end;
  }
  return kinds;
}

const openRuns = (): string[] =>
  database.executions
    .flatMap((slot) => [...slot.values()])
    .filter(({ closedAt }) => closedAt === null)
    .map(({ key }) => key.runId);

test('R-RESET-5: the base run closes and the fork begins in one commit, of which nothing is seen before', async () => {
  const base = await answered(start());
  await work();
  const held: (() => void)[] = [];
  faults.before = ({ method }) => (method === 'commit' ? new Promise<void>((go) => void held.push(go)) : undefined);
  const forking = reset({ reason: 'wrong price' });
  await env.advance(20);
  expect(held).toHaveLength(1);
  expect(openRuns()).toEqual([base.runId]);
  delete faults.before;
  held[0]?.();
  const fork = await answered(forking);
  expect(fork).toMatchObject({ baseRunId: base.runId, keptEventId: 1n });
  expect(openRuns()).toEqual([fork.runId]);
  expect(await log(base.runId)).toEqual(['workflowStarted', 'workflowTaskCompleted', 'workflowTerminated']);
  expect(await log(fork.runId)).toEqual(['workflowStarted', 'workflowForked']);
  expect((await work())?.execution?.runId).toBe(fork.runId);
});

test('R-RESET-5: one request that comes twice, at once or later, makes one fork', async () => {
  await answered(start());
  await work();
  const request = { requestId: env.newId() };
  const [first, second] = await answered(Promise.all([reset(request), reset(request)]), 200);
  expect(second).toEqual(first);
  expect(await answered(reset(request))).toEqual(first);
  expect(openRuns()).toEqual([first.runId]);
  // Of another owner, after the fork has closed.
  await answered(node.frontend.terminateWorkflow(TerminateWorkflowRequest.create({ execution: { workflowId: 'w', runId: '' } }), call));
  await answered(node.history.stop(), 1_000);
  node = await answered(startTestNode(env, createMemoryStore({ now: env.now, database, faults })));
  expect(await answered(reset(request))).toEqual(first);
  expect(openRuns()).toEqual([]);
});

test('R-RESET-3: what comes while the log is read is part of it', async () => {
  await answered(start());
  await work();
  await answered(signal('before'));
  const gate = Promise.withResolvers<void>();
  faults.before = ({ method }) => (method === 'loadRuns' ? gate.promise : undefined);
  const forking = reset();
  await env.advance(20);
  await answered(signal('meanwhile'));
  delete faults.before;
  gate.resolve();
  const { runId } = await answered(forking);
  expect(await log(runId)).toEqual(['workflowStarted', 'workflowForked', 'before', 'meanwhile']);
});

test('R-RESET-5: a closed run is not reset while another run of its id is open', async () => {
  const base = await answered(start());
  const end = TerminateWorkflowRequest.create({ execution: { workflowId: 'w', runId: base.runId } });
  await answered(node.frontend.terminateWorkflow(end, call));
  const other = await answered(start({ startDelay: { seconds: 3_600n, nanos: 0 } }));
  const refused = (): Promise<string> => reset({}, base.runId).then(String, (error: { reason: string }) => error.reason);
  expect(await answered(refused())).toBe('WORKFLOW_ALREADY_STARTED');
  // Nor when the open one is in no memory.
  await answered(node.history.stop(), 1_000);
  node = await answered(startTestNode(env, createMemoryStore({ now: env.now, database, faults })));
  expect(await answered(refused(), 200)).toBe('WORKFLOW_ALREADY_STARTED');
  expect(openRuns()).toEqual([other.runId]);
  expect(await log(base.runId)).toEqual(['workflowStarted', 'workflowTerminated']);
});

test('R-RESET-1: a run of 20 000 events is reset', { timeout: 30_000 }, async () => {
  const base = await answered(start());
  const note = { attributes: { $case: 'upsertProperties', value: { memo: {}, searchAttributes: {} } } } as const;
  for (let batch = 0; batch < 20; batch += 1) {
    await answered(signal('go'));
    await work(Array.from({ length: 998 }, () => note));
  }
  const all = await log(base.runId);
  expect(all).toHaveLength(1 + 20 * 1_000);
  const fork = await answered(reset({ point: { $case: 'at', value: ResetPoint.LAST_TASK } }), 1_000);
  expect(fork.keptEventId).toBe(BigInt(all.length - 999));
  expect(await log(fork.runId)).toEqual([...all.slice(0, -999), 'workflowForked']);
});
