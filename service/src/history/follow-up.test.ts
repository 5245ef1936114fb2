/** R-TASK-9 through a whole node: ends that bring what their run does next. Time stands still unless a test advances it. */
import { type ActivityTask, ScheduleActivityCommand } from '@perdure/proto/perdure/api/v1/activity';
import type { Command } from '@perdure/proto/perdure/api/v1/command';
import { History, type HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import {
  CompleteActivityTasksRequest,
  CompleteWorkflowTasksRequest,
  PollActivityTasksRequest,
  PollWorkflowTasksRequest,
  WorkflowTaskCompletion,
} from '@perdure/proto/perdure/api/v1/worker_service';
import { GetWorkflowHistoryRequest, SignalWorkflowRequest, StartWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createManualEnv, type ManualEnv } from '../../test/support/manual-env.ts';
import { startTestNode, type TestNode } from '../../test/support/node.ts';
import { toTimestamp } from '../core/time.ts';
import { createMemoryDatabase } from '../store/memory/database.ts';
import { createMemoryStore, type StoreFaults } from '../store/memory/store.ts';
import { StoreError } from '../store/store.ts';

const call = { abort: new AbortController().signal };
const execution = { workflowId: 'w', runId: '' };
const worker = { workerId: 'w-1', identity: 'test', buildId: '', sdkName: 'test', sdkVersion: '1' };
const seconds = (count: number) => ({ seconds: BigInt(count), nanos: 0 });
const done: Command = { attributes: { $case: 'completeWorkflow', value: { result: undefined } } };

let env: ManualEnv;
let faults: StoreFaults;
let node: TestNode;

beforeEach(async () => {
  env = createManualEnv();
  faults = {};
  node = await answered(startTestNode(env, createMemoryStore({ now: env.now, database: createMemoryDatabase(), faults })));
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

function schedule(number: number, maximumAttempts = 0): Command {
  const policy = { initialInterval: undefined, backoffCoefficient: 0, maximumInterval: undefined, nonRetryableErrorTypes: [] };
  const value = ScheduleActivityCommand.create({ number, activityType: 'a', startToCloseTimeout: seconds(3_600) });
  return { attributes: { $case: 'scheduleActivity', value: { ...value, retryPolicy: { ...policy, maximumAttempts } } } };
}

const polled = (waitS: number) => ({ taskQueue: 'q', worker, maxTasks: 1, waitTimeout: seconds(waitS) });

async function poll(): Promise<WorkflowTask | undefined> {
  const answer = await answered(node.frontend.pollWorkflowTasks(PollWorkflowTasksRequest.create(polled(1)), call), 1_010);
  node.matching.received([answer.answerId]);
  return answer.tasks[0];
}

async function pollActivity(waitS = 1): Promise<ActivityTask | undefined> {
  const request = PollActivityTasksRequest.create(polled(waitS));
  const answer = await answered(node.frontend.pollActivityTasks(request, call), waitS * 1_000 + 10);
  node.matching.received([answer.answerId]);
  return answer.tasks[0];
}

/** Starts a run that waits for its first activity, which is out at the worker that holds the run. */
async function waiting(): Promise<ActivityTask> {
  await answered(node.frontend.startWorkflow(StartWorkflowRequest.create({ workflowId: 'w', workflowType: 't', taskQueue: 'q' }), call));
  const task = await poll();
  const completions = [WorkflowTaskCompletion.create({ token: task?.token ?? new Uint8Array(0), sticky: true, commands: [schedule(1)] })];
  await answered(node.frontend.completeWorkflowTasks(CompleteWorkflowTasksRequest.create({ worker, completions }), call));
  const activity = await pollActivity();
  expect(activity?.followUp).toMatchObject({ activityNumber: 1, baseEventId: 2n, seenEventId: 1n, endEventId: 4n });
  return activity as ActivityTask;
}

interface EndOptions {
  readonly slots?: number;
  readonly sticky?: boolean;
  readonly forceNewTask?: boolean;
  readonly abort?: AbortSignal;
}

/** The end of an attempt after which the run goes on with these commands. */
function end({ token }: ActivityTask, commands: Command[], options: EndOptions = {}) {
  const { slots = 0, sticky = true, forceNewTask = false, abort = call.abort } = options;
  const completion = WorkflowTaskCompletion.create({ sticky, forceNewTask, commands });
  const outcome = { $case: 'completed' as const, value: { result: undefined } };
  const completions = [{ token, outcome, followUp: { startedTime: toTimestamp(env.now()), completion } }];
  const eager = { eagerActivitySlots: slots, eagerActivityQueues: ['q'] };
  return node.frontend.completeActivityTasks(CompleteActivityTasksRequest.create({ worker, completions, ...eager }), { abort });
}

async function events(): Promise<HistoryEvent[]> {
  const answer = await answered(node.frontend.getWorkflowHistory(GetWorkflowHistoryRequest.create({ execution }), call));
  return History.decode(answer.history).events;
}

const kinds = async (): Promise<string[]> => (await events()).map(({ attributes }) => attributes?.$case ?? '');
const before = ['workflowStarted', 'workflowTaskCompleted', 'activityScheduled'];
const signal = () => node.frontend.signalWorkflow(SignalWorkflowRequest.create({ execution, signalName: 's' }), call);

test('taken: the history is as if a task had been given out in between', async () => {
  const activity = await waiting();
  const endedAt = env.now();
  const { errors, followUps } = await answered(end(activity, [done]));
  expect([errors[0]?.code, followUps]).toMatchObject([
    0,
    [{ outcome: { value: { completedEventId: 5n, closed: true, nextTask: undefined, prolonged: false } } }],
  ]);
  expect(await kinds()).toEqual([...before, 'activityCompleted', 'workflowTaskCompleted', 'workflowCompleted']);
  const completed = (await events())[4]?.attributes;
  const seen = { seenEventId: 4n, startedTime: toTimestamp(endedAt), historyBytes: activity.followUp?.historyBytes };
  expect(completed?.$case === 'workflowTaskCompleted' && completed.value).toMatchObject(seen);
});

test('both are written by one commit, and the answer waits for it', async () => {
  const activity = await waiting();
  const commits: number[] = [];
  let go = (): void => {};
  faults.before = (made) => {
    if (made.method !== 'commit') return undefined;
    commits.push(env.now());
    return new Promise<void>((resolve) => (go = resolve));
  };
  let taken = false;
  const ending = end(activity, [done]).then(() => (taken = true));
  await env.advance(100);
  expect([taken, commits.length]).toEqual([false, 1]);
  delete faults.before;
  go();
  await answered(ending);
  expect((await kinds()).length).toBe(6);
});

test('left out: the end is recorded, and the task is given out', async () => {
  const activity = await waiting();
  await answered(signal());
  const { errors, followUps, activityTasks } = await answered(end(activity, [schedule(2)], { slots: 1 }));
  expect([errors[0]?.code, followUps[0]?.outcome]).toMatchObject([0, { $case: 'error', value: { reason: 'STALE_TASK' } }]);
  expect(activityTasks).toEqual([]);
  expect(await kinds()).toEqual([...before, 'workflowSignaled', 'activityCompleted']);
  expect(await poll()).toMatchObject({ baseEventId: 2n, seenEventId: 5n, attempt: 1 });
});

test('attempts that it schedules come in the answer; what the worker has not received is offered again', async () => {
  const activity = await waiting();
  const { answerId, activityTasks } = await answered(end(activity, [schedule(2)], { slots: 2 }));
  expect(activityTasks).toMatchObject([{ activityId: '2', attempt: 1, followUp: { baseEventId: 5n, seenEventId: 4n, endEventId: 7n } }]);
  expect(answerId).not.toBe('');
  expect(await pollActivity()).toBeUndefined();
  node.matching.undelivered(answerId);
  expect(await pollActivity()).toMatchObject({ activityId: '2', attempt: 1 });
});

test('a caller that has gone: what came in its answer is offered again at once', async () => {
  const activity = await waiting();
  const gone = new AbortController();
  const ending = end(activity, [schedule(2)], { slots: 1, abort: gone.signal });
  gone.abort();
  await answered(ending);
  expect(await pollActivity()).toMatchObject({ activityId: '2', attempt: 1 });
});

test('R-ACT-9: the last attempt goes the durable way, and not more come than there is room for', async () => {
  const activity = await waiting();
  const { activityTasks } = await answered(end(activity, [schedule(2, 1), schedule(3), schedule(4)], { slots: 1 }));
  expect(activityTasks.map(({ activityId }) => activityId)).toEqual(['3']);
});

test('the task that is due at once comes with the answer, if the worker keeps the run', async () => {
  const { followUps } = await answered(end(await waiting(), [schedule(2)], { forceNewTask: true }));
  const nextTask = { baseEventId: 5n, seenEventId: 6n, attempt: 1 };
  expect(followUps[0]?.outcome).toMatchObject({ $case: 'ok', value: { completedEventId: 5n, closed: false, nextTask } });
  expect(await poll()).toBeUndefined();
});

test('else it is offered to all', async () => {
  const { followUps } = await answered(end(await waiting(), [schedule(2)], { forceNewTask: true, sticky: false }));
  expect(followUps[0]?.outcome).toMatchObject({ $case: 'ok', value: { nextTask: undefined, prolonged: false } });
  expect(await poll()).toMatchObject({ baseEventId: 5n });
});

test('R-COMMIT-1 R-ACT-6: a commit that fails takes both back, and the repeated call brings both; once more is too late', async () => {
  const activity = await waiting();
  faults.before = ({ method }) => {
    if (method === 'commit') throw new StoreError('down', 'away');
  };
  const first = end(activity, [schedule(2)], { slots: 1 });
  const { errors, followUps, activityTasks } = await answered(first, 5_000);
  expect([errors[0]?.code, followUps[0]?.outcome?.$case, activityTasks]).toEqual([14, 'error', []]);
  delete faults.before;
  await env.advance(10_000);
  expect(await kinds()).toEqual(before);
  const again = await answered(end(activity, [schedule(2)], { slots: 1 }), 5_000);
  expect(again).toMatchObject({ errors: [{ code: 0 }], followUps: [{ outcome: { $case: 'ok' } }], activityTasks: [{ activityId: '2' }] });
  const twice = await answered(end(activity, [schedule(2)], { slots: 1 }));
  expect(twice).toMatchObject({
    errors: [{ reason: 'ACTIVITY_NOT_FOUND' }],
    followUps: [{ outcome: { $case: 'error' } }],
    activityTasks: [],
  });
  expect(await kinds()).toEqual([...before, 'activityCompleted', 'workflowTaskCompleted', 'activityScheduled']);
});

test('R-MATCH-1: a task that travels with an answer that may not be released is offered again soon', async () => {
  const activity = await waiting();
  faults.before = ({ method }) => {
    if (method === 'beat') throw new StoreError('abort', 'not now');
  };
  await env.advance(8_000);
  const { errors } = await answered(end(activity, [schedule(2)], { forceNewTask: true }));
  expect(errors[0]?.reason).toBe('DATABASE_UNAVAILABLE');
  delete faults.before;
  await env.advance(2_000);
  expect(await poll()).toMatchObject({ attempt: 1, baseEventId: 5n });
});
