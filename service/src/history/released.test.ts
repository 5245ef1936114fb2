/** When callers are told, and of what: queries, refusals, commits whose outcome is unknown, a node that lost its row. */
import { ScheduleActivityCommand } from '@perdure/proto/perdure/api/v1/activity';
import type { Command } from '@perdure/proto/perdure/api/v1/command';
import { RetryPolicy } from '@perdure/proto/perdure/api/v1/common';
import { History } from '@perdure/proto/perdure/api/v1/event';
import type { QueryResult } from '@perdure/proto/perdure/api/v1/query';
import { type WorkflowTask, WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import {
  CompleteWorkflowTasksRequest,
  PollActivityTasksRequest,
  PollWorkflowTasksRequest,
  WorkflowTaskCompletion,
} from '@perdure/proto/perdure/api/v1/worker_service';
import {
  GetWorkflowHistoryRequest,
  QueryWorkflowRequest,
  SignalWorkflowRequest,
  StartWorkflowRequest,
  TerminateWorkflowRequest,
} from '@perdure/proto/perdure/api/v1/workflow_service';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createManualEnv, type ManualEnv } from '../../test/support/manual-env.ts';
import { startTestNode, type TestNode } from '../../test/support/node.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../store/memory/database.ts';
import { createMemoryStore, type StoreFaults } from '../store/memory/store.ts';
import { StoreError } from '../store/store.ts';

const call = { abort: new AbortController().signal };
const execution = { workflowId: 'w', runId: '' };
const worker = { workerId: 'w-1', identity: 'test', buildId: '', sdkName: 'test', sdkVersion: '1' };
const done: Command = { attributes: { $case: 'completeWorkflow', value: { result: undefined } } };
const answer: QueryResult['outcome'] = { $case: 'result', value: { encoding: 'json/plain', data: Buffer.from('1'), metadata: {} } };

let env: ManualEnv;
let database: MemoryDatabase;
let faults: StoreFaults;
let node: TestNode;
/** Ms by which the machine's wall clock was set back. */
let wallBack: number;

beforeEach(async () => {
  env = createManualEnv();
  database = createMemoryDatabase();
  faults = {};
  wallBack = 0;
  const own = { ...env, now: () => env.now() - wallBack };
  node = await answered(startTestNode(own, createMemoryStore({ now: env.now, database, faults })));
});

afterEach(async () => {
  delete faults.before;
  node.matching.close();
  await answered(node.history.stop(), 1_000);
});

async function answered<T>(promise: Promise<T>, ms = 10): Promise<T> {
  // It may be refused before it is awaited.
  promise.catch(() => {});
  await env.advance(ms);
  return await promise;
}

/** What has become of a promise by now: its value or its error's reason; 'pending' while it waits. */
function watched<T>(promise: Promise<T>): { now: T | string } {
  const seen: { now: T | string } = { now: 'pending' };
  promise.then(
    (value) => {
      seen.now = value;
    },
    (error: { reason: string }) => {
      seen.now = error.reason;
    },
  );
  return seen;
}

const start = () =>
  answered(node.frontend.startWorkflow(StartWorkflowRequest.create({ workflowId: 'w', workflowType: 't', taskQueue: 'q' }), call));
const signal = (signalName: string) => node.frontend.signalWorkflow(SignalWorkflowRequest.create({ execution, signalName }), call);
const describe = () => answered(node.frontend.describeWorkflow({ namespace: '', execution }, call));
const query = () => node.frontend.queryWorkflow(QueryWorkflowRequest.create({ execution, queryType: 'x' }), call);

async function poll(): Promise<WorkflowTask> {
  const waitTimeout = { seconds: 5n, nanos: 0 };
  const request = PollWorkflowTasksRequest.create({ taskQueue: 'q', worker, maxTasks: 1, waitTimeout });
  const { answerId, tasks } = await answered(node.frontend.pollWorkflowTasks(request, call), 1_000);
  node.matching.received([answerId]);
  if (tasks[0] === undefined) throw new Error('no task came');
  return tasks[0];
}

function complete({ token }: WorkflowTask, commands: Command[] = [], queryResults: QueryResult[] = []) {
  const completions = [WorkflowTaskCompletion.create({ token, commands, queryResults })];
  return answered(node.frontend.completeWorkflowTasks(CompleteWorkflowTasksRequest.create({ worker, completions }), call));
}

async function failTask(): Promise<void> {
  const { token } = await poll();
  const failure = { message: 'a bug', stackTrace: '', source: 'test', cause: undefined, encodedAttributes: undefined, info: undefined };
  const failures = [{ token, cause: WorkflowTaskFailureCause.WORKFLOW_ERROR, failure }];
  await answered(node.frontend.failWorkflowTasks({ namespace: '', worker, failures }, call), 2_000);
}

async function events(): Promise<string[]> {
  const { history } = await answered(node.frontend.getWorkflowHistory(GetWorkflowHistoryRequest.create({ execution }), call));
  return History.decode(history).events.map((event) => event.attributes?.$case ?? '');
}

test('R-QUERY-2: a query that comes while a task is out is not answered by it', async () => {
  await start();
  await complete(await poll());
  await answered(signal('a'));
  const out = await poll();
  const asked = watched(query());
  await env.advance(10);
  await complete(out, [], [{ queryId: 'whatever', outcome: answer }]);
  const task = await poll();
  expect(task).toMatchObject({ queryOnly: true, queries: [{ queryType: 'x' }], seenEventId: out.seenEventId });
  expect(asked.now).toBe('pending');
});

test('R-QUERY-3: who waits for an answer is told when the run becomes blocked, and after 10 s', async () => {
  await start();
  await complete(await poll());
  await answered(signal('a'));
  await failTask();
  const waiting = watched(query());
  await env.advance(10);
  await failTask();
  expect(waiting.now).toBe('RUN_BLOCKED');
  const late = watched(query());
  await env.advance(10);
  expect(late.now).toBe('RUN_BLOCKED');
  await complete(await poll());
  const unanswered = watched(query());
  await env.advance(9_000);
  expect(unanswered.now).toBe('pending');
  await env.advance(1_000);
  expect(unanswered.now).toBe('QUERY_UNANSWERED');
});

test('R-QUERY-4: a closed run answers', async () => {
  await start();
  await complete(await poll(), [done]);
  const asked = watched(query());
  await env.advance(10);
  const task = await poll();
  expect(task.queryOnly).toBe(true);
  const completions = [
    {
      token: task.token,
      queryResults: [{ queryId: task.queries[0]?.queryId ?? '', outcome: answer }],
      cause: WorkflowTaskFailureCause.UNSPECIFIED,
      failure: undefined,
    },
  ];
  await answered(node.frontend.completeQueries({ namespace: '', worker, completions }, call));
  expect(asked.now).toMatchObject({ outcome: { $case: 'result' } });
});

test('R-COMMIT-3: a refusal is told when what it depends on is committed', async () => {
  await start();
  const held: (() => void)[] = [];
  faults.before = ({ method }) => (method === 'commit' ? new Promise<void>((go) => void held.push(go)) : undefined);
  const terminated = watched(node.frontend.terminateWorkflow(TerminateWorkflowRequest.create({ execution }), call));
  await env.advance(10);
  const refused = watched(signal('late'));
  await env.advance(10);
  expect([terminated.now, refused.now]).toEqual(['pending', 'pending']);
  delete faults.before;
  held[0]?.();
  await env.advance(10);
  expect(refused.now).toBe('WORKFLOW_CLOSED');
});

test('R-COMMIT-6: after an unknown outcome the node is another one, and what was not written is written', async () => {
  await start();
  const nodes: unknown[] = [];
  faults.before = ({ method, args }) => {
    if (method !== 'commit') return;
    nodes.push(args[0]);
    if (nodes.length === 1) throw new StoreError('ambiguous', 'connection lost');
  };
  await answered(signal('a'), 5_000);
  expect(nodes.length).toBeGreaterThan(1);
  expect(nodes[1]).not.toBe(nodes[0]);
  expect(await events()).toEqual(['workflowStarted', 'workflowSignaled']);
});

test('R-OWN-4: a node whose beats get no answer refuses after 6 s, whatever happens to its wall clock', async () => {
  await start();
  const held: (() => void)[] = [];
  faults.before = ({ method }) => (method === 'beat' ? new Promise<void>((go) => void held.push(go)) : undefined);
  await env.advance(4_000);
  await answered(signal('a'));
  await env.advance(3_000);
  await expect(describe()).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
  wallBack = 5_000;
  await expect(describe()).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
  delete faults.before;
  for (const go of held) go();
  await env.advance(3_000);
  expect(await events()).toEqual(['workflowStarted', 'workflowSignaled']);
});

test('R-DUE-2: a run that sleeps for longer than the scan looks ahead wakes in time', async () => {
  await start();
  const duration = { seconds: 600n, nanos: 0 };
  await complete(await poll(), [{ attributes: { $case: 'startTimer', value: { number: 1, duration, callSite: '' } } }]);
  await env.advance(120_000);
  expect(node.history.stats().hot).toBe(0);
  await env.advance(480_000);
  expect(node.history.stats().hot).toBe(1);
  expect(await events()).toContain('timerFired');
});

test('R-ACT-9: a last attempt is handed out when its start is committed', async () => {
  await start();
  const retryPolicy = RetryPolicy.create({ maximumAttempts: 1 });
  const startToCloseTimeout = { seconds: 60n, nanos: 0 };
  const value = ScheduleActivityCommand.create({ number: 1, activityType: 'a', startToCloseTimeout, retryPolicy });
  await complete(await poll(), [{ attributes: { $case: 'scheduleActivity', value } }]);
  const held: (() => void)[] = [];
  faults.before = ({ method }) => (method === 'commit' ? new Promise<void>((go) => void held.push(go)) : undefined);
  const waitTimeout = { seconds: 5n, nanos: 0 };
  const request = PollActivityTasksRequest.create({ taskQueue: 'q', worker, maxTasks: 1, waitTimeout });
  const polled = watched(node.frontend.pollActivityTasks(request, call));
  await env.advance(10);
  expect(polled.now).toBe('pending');
  delete faults.before;
  for (const go of held) go();
  await env.advance(10);
  expect(polled.now).toMatchObject({ tasks: [{ attempt: 1 }] });
});

test('R-OWN-1: a node whose row is gone writes nothing and starts again at its next commit', async () => {
  await start();
  const other = createMemoryStore({ now: env.now, database });
  const [owner] = await other.readSlots();
  await other.removeNode(owner ?? '');
  await answered(signal('a'), 1_000);
  expect(await events()).toEqual(['workflowStarted', 'workflowSignaled']);
  expect((await other.readSlots())[0]).not.toBe(owner);
});
