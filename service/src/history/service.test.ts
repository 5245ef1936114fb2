/** The history role behind the real frontend and matching, on the memory store. */

import type { Command } from '@perdure/proto/perdure/api/v1/command';
import { History } from '@perdure/proto/perdure/api/v1/event';
import type { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import {
  CompleteWorkflowTasksRequest,
  PollWorkflowTasksRequest,
  WorkflowTaskCompletion,
} from '@perdure/proto/perdure/api/v1/worker_service';
import { ConflictPolicy, ReusePolicy, WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import { QueryWorkflowRequest, SignalWorkflowRequest, StartWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestNode, type TestNode } from '../../test/support/node.ts';
import { createRealEnv } from '../env-real.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../store/memory/database.ts';
import { createMemoryStore, type StoreFaults } from '../store/memory/store.ts';
import { StoreError } from '../store/store.ts';

const env = createRealEnv();
const call = { abort: new AbortController().signal };
const worker = { workerId: 'w-1', identity: 'test', buildId: 'b', sdkName: 'test', sdkVersion: '1' };
const seconds = (count: number) => ({ seconds: BigInt(count), nanos: 0 });

let database: MemoryDatabase;
let node: TestNode;
let faults: StoreFaults;

beforeEach(async () => {
  database = createMemoryDatabase();
  faults = {};
  node = await boot();
});

afterEach(async () => {
  faults.before = undefined as never;
  node.matching.close();
  await node.history.stop();
});

function boot(): Promise<TestNode> {
  const store = createMemoryStore({ now: () => env.now(), database, faults });
  return startTestNode(env, store, { history: { coolAfterMs: 50 } });
}

/** The process dies: nothing is handed over, the same address starts again. */
async function restart(): Promise<void> {
  faults.before = () => {
    throw new StoreError('down', 'gone');
  };
  node.matching.close();
  await node.history.stop();
  faults.before = undefined as never;
  node = await boot();
}

function start(fields: Partial<StartWorkflowRequest> = {}) {
  return node.frontend.startWorkflow(StartWorkflowRequest.create({ workflowId: 'w', workflowType: 't', taskQueue: 'q', ...fields }), call);
}

function signal(name: string, requestId = env.newId()) {
  return node.frontend.signalWorkflow(
    SignalWorkflowRequest.create({ execution: { workflowId: 'w', runId: '' }, signalName: name, requestId }),
    call,
  );
}

async function poll(): Promise<WorkflowTask> {
  const answer = await node.frontend.pollWorkflowTasks(
    PollWorkflowTasksRequest.create({ taskQueue: 'q', worker, maxTasks: 1, waitTimeout: seconds(5) }),
    call,
  );
  const task = answer.tasks[0];
  if (task === undefined) throw new Error('no task came');
  return task;
}

async function complete(task: WorkflowTask, commands: Command['attributes'][], more: Partial<WorkflowTaskCompletion> = {}) {
  const completion = WorkflowTaskCompletion.create({
    token: task.token,
    sticky: true,
    commands: commands.map((attributes) => ({ attributes })),
    ...more,
  });
  const answer = await node.frontend.completeWorkflowTasks(
    CompleteWorkflowTasksRequest.create({ worker, completions: [completion] }),
    call,
  );
  return answer.results[0]?.outcome;
}

const done: Command['attributes'] = { $case: 'completeWorkflow', value: { result: undefined } };
const timer = (number: number, duration = seconds(3600)): Command['attributes'] => ({
  $case: 'startTimer',
  value: { number, duration, callSite: '' },
});

async function events(): Promise<string[]> {
  const answer = await node.frontend.getWorkflowHistory(
    {
      namespace: '',
      execution: { workflowId: 'w', runId: '' },
      fromEventId: 0n,
      toEventId: 0n,
      maxBytes: 0,
      wait: false,
      waitTimeout: undefined,
    },
    call,
  );
  return History.decode(answer.history).events.map((event) => event.attributes?.$case ?? '');
}

test('R-START-1: a repeated start finds its run, open or closed, also after a restart', async () => {
  const requestId = env.newId();
  const first = await start({ requestId });
  expect(await start({ requestId })).toEqual({ runId: first.runId, started: false });
  await complete(await poll(), [done]);
  expect(await start({ requestId })).toEqual({ runId: first.runId, started: false });
  const second = await start();
  expect(second.started).toBe(true);
  expect(await start({ requestId })).toEqual({ runId: first.runId, started: false });
  await restart();
  expect(await start({ requestId })).toEqual({ runId: first.runId, started: false });
});

test('R-START-3: conflict policies decide over an open run, in memory or not', async () => {
  const first = await start();
  await expect(start()).rejects.toMatchObject({ reason: 'WORKFLOW_ALREADY_STARTED', metadata: { run_id: first.runId } });
  expect(await start({ conflictPolicy: ConflictPolicy.USE_EXISTING })).toEqual({ runId: first.runId, started: false });
  await complete(await poll(), [timer(1)]);
  await expect.poll(() => node.history.stats().hot).toBe(0);
  await expect(start()).rejects.toMatchObject({ reason: 'WORKFLOW_ALREADY_STARTED' });
  await expect.poll(() => node.history.stats().hot).toBe(0);
  const third = await start({ conflictPolicy: ConflictPolicy.TERMINATE_EXISTING });
  expect(third).toMatchObject({ started: true });
  const old = await node.frontend.describeWorkflow({ namespace: '', execution: { workflowId: 'w', runId: first.runId } }, call);
  expect(old.summary?.status).toBe(WorkflowStatus.TERMINATED);
});

test('R-START-4: reuse policies decide over closed runs', async () => {
  await start();
  await complete(await poll(), [done]);
  await expect(start({ reusePolicy: ReusePolicy.REJECT })).rejects.toMatchObject({ reason: 'WORKFLOW_ALREADY_STARTED' });
  await expect(start({ reusePolicy: ReusePolicy.ALLOW_FAILED_ONLY })).rejects.toMatchObject({ reason: 'WORKFLOW_ALREADY_STARTED' });
  expect((await start()).started).toBe(true);
  await complete(await poll(), [
    {
      $case: 'failWorkflow',
      value: { failure: { message: 'no', stackTrace: '', source: '', cause: undefined, encodedAttributes: undefined, info: undefined } },
    },
  ]);
  expect((await start({ reusePolicy: ReusePolicy.ALLOW_FAILED_ONLY })).started).toBe(true);
});

test('R-CLOSE-2: a close with an unseen signal is refused once; what comes meanwhile waits for its successor', async () => {
  await start();
  const task = await poll();
  await signal('a');
  expect(await complete(task, [done])).toMatchObject({ $case: 'error', value: { reason: 'UNSEEN_EVENTS' } });
  const late = signal('b');
  const again = await poll();
  expect(await complete(again, [done])).toMatchObject({ $case: 'ok' });
  await expect(late).rejects.toMatchObject({ reason: 'WORKFLOW_CLOSED' });
  expect(await events()).toEqual(['workflowStarted', 'workflowSignaled', 'workflowTaskCompleted', 'workflowCompleted']);
});

test('a signal with a known request id is recorded once, also when the run has closed', async () => {
  await start();
  const id = env.newId();
  await signal('a', id);
  await signal('a', id);
  await complete(await poll(), [done]);
  await signal('a', id);
  await restart();
  await signal('a', id);
  await expect(signal('a')).rejects.toMatchObject({ reason: 'WORKFLOW_CLOSED' });
  expect((await events()).filter((name) => name === 'workflowSignaled')).toHaveLength(1);
});

test('R-TASK-8: an old completion is stale after a restart, the task is given out again', async () => {
  await start();
  const task = await poll();
  await restart();
  expect(await complete(task, [done])).toMatchObject({ $case: 'error', value: { reason: 'STALE_TASK' } });
  expect(await complete(await poll(), [done])).toMatchObject({ $case: 'ok' });
});

test('R-TASK-5: a repeated completion gets the same answer', async () => {
  await start();
  const task = await poll();
  const first = await complete(task, [timer(1)]);
  expect(await complete(task, [timer(1)])).toEqual(first);
  expect((await events()).length).toBe(3);
});

test('R-DUE-2: a cold run wakes for its timer', async () => {
  await start();
  await complete(await poll(), [timer(1, { seconds: 0n, nanos: 300_000_000 })]);
  await expect.poll(() => node.history.stats().hot).toBe(0);
  const task = await poll();
  expect(History.decode(task.history).events.at(-1)?.attributes?.$case).toBe('timerFired');
  await complete(task, [done]);
});

test('R-QUERY-2: queries wait for what their caller has caused, and are answered alone when no task is due', async () => {
  await start();
  await complete(await poll(), [timer(1)]);
  const ask = node.frontend.queryWorkflow(QueryWorkflowRequest.create({ execution: { workflowId: 'w', runId: '' }, queryType: 'x' }), call);
  const alone = await poll();
  expect(alone).toMatchObject({ queryOnly: true, baseEventId: 2n });
  const result = { encoding: 'json/plain', data: Buffer.from('1'), metadata: {} };
  await node.frontend.completeQueries(
    {
      namespace: '',
      worker,
      completions: [
        {
          token: alone.token,
          queryResults: [{ queryId: alone.queries[0]?.queryId ?? '', outcome: { $case: 'result', value: result } }],
          cause: 0,
          failure: undefined,
        },
      ],
    },
    call,
  );
  expect((await ask).outcome).toMatchObject({ $case: 'result' });
  // The query comes while its caller's signal is not seen yet: it travels with the task that shows the signal.
  await signal('a');
  const out = await poll();
  const second = node.frontend.queryWorkflow(
    QueryWorkflowRequest.create({ execution: { workflowId: 'w', runId: '' }, queryType: 'x' }),
    call,
  );
  await signal('b');
  const answer = await complete(out, []);
  const both = answer?.$case === 'ok' ? answer.value.nextTask : undefined;
  expect(both).toMatchObject({ queryOnly: false, queries: [{ queryType: 'x' }] });
  if (both === undefined) return;
  const queryResults = both.queries.map(({ queryId }) => ({ queryId, outcome: { $case: 'result' as const, value: result } }));
  await complete(both, [], { queryResults });
  expect((await second).outcome).toMatchObject({ $case: 'result' });
});

test('R-COMMIT-6: a commit whose outcome is unknown loses nothing and doubles nothing', async () => {
  await start();
  let armed = true;
  faults.after = ({ method }) => {
    if (method !== 'commit' || !armed) return;
    armed = false;
    throw new StoreError('ambiguous', 'connection lost');
  };
  await signal('a');
  faults.after = undefined as never;
  expect(await events()).toEqual(['workflowStarted', 'workflowSignaled']);
  expect(await complete(await poll(), [done])).toMatchObject({ $case: 'ok' });
});

test('R-COMMIT-5: a record the database refuses fails alone', async () => {
  faults.before = ({ method, args }) => {
    const records = args[2] as readonly { key: { workflowId: string } }[];
    if (method === 'commit' && records.some((record) => record.key.workflowId === 'bad'))
      throw new StoreError('poison', 'bad value', '22021');
  };
  const [good, bad, other] = await Promise.allSettled([
    start({ workflowId: 'good' }),
    start({ workflowId: 'bad' }),
    start({ workflowId: 'other' }),
  ]);
  expect(good.status).toBe('fulfilled');
  expect(other.status).toBe('fulfilled');
  expect(bad).toMatchObject({ status: 'rejected', reason: { reason: 'INTERNAL' } });
});

test('R-OWN-4: a database that is away stops the service, and work goes on when it is back', async () => {
  await start();
  faults.before = () => {
    throw new StoreError('down', 'disk full', '53100');
  };
  await expect(signal('a')).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
  expect(node.history.health()).toBe('not-serving');
  const refused = (): Promise<unknown> => signal('b').catch((error: { message: string }) => error.message);
  await expect.poll(refused).toBe('the service cannot reach its database and tries again');
  faults.before = undefined as never;
  await expect.poll(() => node.history.health(), { timeout: 5_000 }).toBe('serving');
  await signal('a');
  expect(await complete(await poll(), [done])).toMatchObject({ $case: 'ok' });
});

test('a task whose answer never arrived is offered again', async () => {
  await start();
  const abort = new AbortController();
  const answer = await node.frontend.pollWorkflowTasks(
    PollWorkflowTasksRequest.create({ taskQueue: 'q', worker, maxTasks: 1, waitTimeout: seconds(5) }),
    { abort: abort.signal },
  );
  node.matching.undelivered(answer.answerId);
  const again = await poll();
  expect(again.execution).toEqual(answer.tasks[0]?.execution);
  expect(await complete(again, [done])).toMatchObject({ $case: 'ok' });
});

test('waiting callers get the results that one commit brings together', async () => {
  await start();
  const wait = node.frontend.awaitWorkflowResults(
    { namespace: '', executions: [{ workflowId: 'w', runId: '' }], waitTimeout: seconds(5), thisRunOnly: false },
    call,
  );
  await complete(await poll(), [done]);
  expect((await wait).results).toMatchObject([{ index: 0, status: WorkflowStatus.COMPLETED }]);
  const missing = await node.frontend.awaitWorkflowResults(
    { namespace: '', executions: [{ workflowId: 'none', runId: '' }], waitTimeout: seconds(5), thisRunOnly: false },
    call,
  );
  expect(missing.results[0]?.outcome).toMatchObject({ $case: 'error', value: { reason: 'WORKFLOW_NOT_FOUND' } });
});

test('checkpoints are a cache: without them, or with ones nobody can read, the log is folded again', async () => {
  const { runId } = await start({ memo: { note: { encoding: 'json/plain', data: Buffer.from('"x"'), metadata: {} } } });
  for (let n = 0; n < 70; n += 1) await signal('a');
  await complete(await poll(), [timer(1)]);
  await expect.poll(() => node.history.stats().hot, { timeout: 5_000 }).toBe(0);
  const stored = database.executions.flatMap((slot) => [...slot.values()]).find((each) => each.key.runId === runId);
  if (stored?.checkpoint === undefined) throw new Error('the cooled run has no checkpoint');
  const { checkpointSeq } = stored;
  for (const checkpoint of [undefined, Uint8Array.of(255, 1, 2, 3), stored.checkpoint]) {
    Object.assign(stored, { checkpoint, checkpointSeq: checkpoint === undefined ? undefined : checkpointSeq });
    await restart();
    const shown = await node.frontend.describeWorkflow({ namespace: '', execution: { workflowId: 'w', runId: '' } }, call);
    expect(shown.summary).toMatchObject({ historyLength: 73n, memo: { note: { encoding: 'json/plain' } } });
    expect(shown.pendingTimers).toHaveLength(1);
  }
});

test('what one batch brings together shows in lists with its memo', async () => {
  const memo = { note: { encoding: 'json/plain', data: Buffer.from('"x"'), metadata: {} } };
  // The close joins the start's batch: its row leaves the memo as it is.
  await Promise.all([
    start({ memo }),
    node.frontend
      .terminateWorkflow(
        { namespace: '', execution: { workflowId: 'w', runId: '' }, reason: 'r', details: [], identity: '', requestId: '' },
        call,
      )
      .catch(() => signal('x').catch(() => undefined)),
  ]);
  const { workflows } = await node.frontend.listWorkflows({ namespace: '', filter: '', pageSize: 0, pageToken: new Uint8Array(0) }, call);
  expect(workflows[0]?.memo).toMatchObject({ note: { encoding: 'json/plain' } });
});
