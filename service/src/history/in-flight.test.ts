/** What meets a run while its changes are on their way to the database, commit by commit. Found by simulation: seeds 7 and 5063. */
import { ScheduleActivityCommand } from '@perdure/proto/perdure/api/v1/activity';
import type { Command } from '@perdure/proto/perdure/api/v1/command';
import { History } from '@perdure/proto/perdure/api/v1/event';
import type { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import {
  CompleteWorkflowTasksRequest,
  PollActivityTasksRequest,
  PollWorkflowTasksRequest,
  WorkflowTaskCompletion,
} from '@perdure/proto/perdure/api/v1/worker_service';
import { ConflictPolicy, WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import { QueryWorkflowRequest, SignalWorkflowRequest, StartWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createManualEnv, type ManualEnv } from '../../test/support/manual-env.ts';
import { startTestNode, type TestNode } from '../../test/support/node.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../store/memory/database.ts';
import { createMemoryStore, type StoreFaults } from '../store/memory/store.ts';

const call = { abort: new AbortController().signal };
const execution = { workflowId: 'w', runId: '' };
const worker = { workerId: 'w-1', identity: 'test', buildId: '', sdkName: 'test', sdkVersion: '1' };
const seconds = (count: number) => ({ seconds: BigInt(count), nanos: 0 });

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

async function answered<T>(promise: Promise<T>, ms = 10): Promise<T> {
  await env.advance(ms);
  return await promise;
}

function start(fields: Partial<StartWorkflowRequest> = {}) {
  const request = StartWorkflowRequest.create({ workflowId: 'w', workflowType: 't', taskQueue: 'q', ...fields });
  return node.frontend.startWorkflow(request, call);
}

async function poll(): Promise<WorkflowTask | undefined> {
  const request = PollWorkflowTasksRequest.create({ taskQueue: 'q', worker, maxTasks: 1, waitTimeout: seconds(5) });
  const answer = await node.frontend.pollWorkflowTasks(request, call);
  node.matching.received([answer.answerId]);
  return answer.tasks[0];
}

/** Not sticky: every task brings the whole history. */
function complete(task: WorkflowTask | undefined, commands: Command[] = []) {
  const completions = [WorkflowTaskCompletion.create({ token: task?.token ?? new Uint8Array(0), commands })];
  return node.frontend.completeWorkflowTasks(CompleteWorkflowTasksRequest.create({ worker, completions }), call);
}

/** From now on commits wait; each call lets the oldest go on. */
function holdCommits(): () => void {
  const held: (() => void)[] = [];
  faults.before = ({ method }) => (method === 'commit' ? new Promise<void>((go) => void held.push(go)) : undefined);
  return () => {
    const go = held.shift();
    if (go === undefined) throw new Error('no commit is in flight');
    go();
  };
}

test('R-START-2: one start that comes twice at once replaces the open run once, not itself', async () => {
  const { runId: replaced } = await answered(start());
  const request = { requestId: env.newId(), conflictPolicy: ConflictPolicy.TERMINATE_EXISTING };
  const [first, second] = await answered(Promise.all([start(request), start(request)]), 1_000);
  expect(second.runId).toBe(first.runId);
  expect(first.runId).not.toBe(replaced);
  expect([first.started, second.started]).toEqual([true, false]);
  const runs = database.executions.flatMap((slot) => [...slot.values()]);
  expect(new Map(runs.map(({ key, status }) => [key.runId, status]))).toEqual(
    new Map([
      [replaced, WorkflowStatus.TERMINATED],
      [first.runId, WorkflowStatus.RUNNING],
    ]),
  );
});

test('R-QUERY-2: a query goes out with no history that lacks the completion it builds on', async () => {
  await answered(start());
  const once = {
    initialInterval: undefined,
    backoffCoefficient: 0,
    maximumInterval: undefined,
    maximumAttempts: 1,
    nonRetryableErrorTypes: [],
  };
  const value = ScheduleActivityCommand.create({ number: 1, activityType: 'a', startToCloseTimeout: seconds(60), retryPolicy: once });
  await answered(complete(await answered(poll()), [{ attributes: { $case: 'scheduleActivity', value } }]));
  await answered(node.frontend.signalWorkflow(SignalWorkflowRequest.create({ execution, signalName: 's' }), call));
  const task = await answered(poll());
  // Too late for the task that is out.
  const asked = node.frontend.queryWorkflow(QueryWorkflowRequest.create({ execution, queryType: 'x' }), call).catch(() => 'unanswered');
  await env.settle();

  const release = holdCommits();
  // A last attempt is stored before it is given out: a commit that brings no new task, with the completion right behind it.
  const activity = PollActivityTasksRequest.create({ taskQueue: 'q', worker, maxTasks: 1, waitTimeout: seconds(5) });
  const attempt = node.frontend.pollActivityTasks(activity, call);
  await env.advance(10);
  const completing = complete(task);
  const polling = poll();
  await env.advance(10);
  release();
  await env.advance(10);
  expect((await attempt).tasks).toHaveLength(1);
  delete faults.before;
  release();
  await env.advance(10);
  await completing;

  const query = await polling;
  expect(query).toMatchObject({ queryOnly: true, historyFromEventId: 1n });
  const { events } = History.decode(query?.history ?? new Uint8Array(0));
  expect(events.find(({ id }) => id === query?.baseEventId)?.attributes?.$case).toBe('workflowTaskCompleted');
  await answered(asked, 11_000);
});
