/** Effects under crashes: at every commit of a family of runs the node loses its memory, before or after the commit took effect. */
import { ParentClosePolicy, ScheduleChildWorkflowCommand } from '@perdure/proto/perdure/api/v1/child';
import type { Command } from '@perdure/proto/perdure/api/v1/command';
import { History } from '@perdure/proto/perdure/api/v1/event';
import { SignalExternalCommand } from '@perdure/proto/perdure/api/v1/external';
import type { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import {
  CompleteWorkflowTasksRequest,
  PollWorkflowTasksRequest,
  WorkflowTaskCompletion,
} from '@perdure/proto/perdure/api/v1/worker_service';
import { ContinueAsNewCommand } from '@perdure/proto/perdure/api/v1/workflow';
import { GetWorkflowHistoryRequest, ListWorkflowsRequest, StartWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { expect, test } from 'vitest';
import { createManualEnv, type ManualEnv } from '../../test/support/manual-env.ts';
import { startTestNode, type TestNode } from '../../test/support/node.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../store/memory/database.ts';
import { createMemoryStore, type StoreFaults } from '../store/memory/store.ts';
import { StoreError } from '../store/store.ts';

const call = { abort: new AbortController().signal };
const worker = { workerId: 'w-1', identity: 'test', buildId: '', sdkName: 'test', sdkVersion: '1' };
const seconds = (count: number) => ({ seconds: BigInt(count), nanos: 0 });

interface World {
  readonly env: ManualEnv;
  readonly database: MemoryDatabase;
  readonly node: TestNode;
  readonly faults: StoreFaults;
}

async function open(faults: StoreFaults, database: MemoryDatabase = createMemoryDatabase()): Promise<World> {
  const env = createManualEnv();
  const node = startTestNode(env, createMemoryStore({ now: env.now, database, faults }));
  await env.advance(10);
  return { env, database, faults, node: await node };
}

async function close({ env, node }: World): Promise<void> {
  node.matching.close();
  const stopped = node.history.stop();
  await env.advance(1_000);
  await stopped;
}

/** Asks until it is answered: the node may be starting over. */
async function ask<T>(world: World, body: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    const answer = body().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    await world.env.advance(200);
    const settled = await Promise.race([answer, world.env.advance(20_000).then(() => answer)]);
    if ('value' in settled) return settled.value;
    if (tries === 20) throw settled.error;
  }
}

const startOf = (workflowId: string, workflowType: string, requestId: string) =>
  StartWorkflowRequest.create({ workflowId, workflowType, taskQueue: 'q', requestId });

const child = (number: number, type: string, parentClosePolicy: ParentClosePolicy = ParentClosePolicy.TERMINATE): Command => ({
  attributes: {
    $case: 'scheduleChildWorkflow',
    value: ScheduleChildWorkflowCommand.create({ number, workflowId: `child-${number}`, workflowType: type, parentClosePolicy }),
  },
});
const send = (number: number, workflowId: string, signalName: string): Command => ({
  attributes: {
    $case: 'signalExternal',
    value: SignalExternalCommand.create({ number, target: { workflowId, runId: '' }, signalName }),
  },
});
const ends: Command = { attributes: { $case: 'completeWorkflow', value: { result: undefined } } };
/** As a run that does nothing. */
const goesOn: Command = { attributes: { $case: 'continueAsNew', value: ContinueAsNewCommand.create({ workflowType: 'slow' }) } };

/** What the code of each type does: a pure function of what its task has shown. */
function codeOf(task: WorkflowTask): Command[] {
  const kinds = History.decode(task.history).events.map(({ attributes }) => attributes?.$case);
  const count = (kind: string): number => kinds.filter((each) => each === kind).length;
  switch (task.workflowType) {
    case 'parent':
    case 'chained parent':
      if (count('workflowTaskCompleted') === 0) {
        return [
          child(1, 'quick'),
          child(2, 'slow'),
          child(3, 'slow', ParentClosePolicy.ABANDON),
          send(1, 'peer', 'a'),
          send(2, 'peer', 'b'),
        ];
      }
      // The second time it has heard of the quick child and of its signals, it sends a last one and closes at once.
      if (count('childWorkflowStarted') === 3 && count('childWorkflowCompleted') === 1 && count('externalSignalDelivered') === 2) {
        return [
          child(4, 'slow', ParentClosePolicy.ABANDON),
          child(5, 'slow'),
          send(3, 'peer', 'c'),
          task.workflowType === 'parent' ? ends : goesOn,
        ];
      }
      return [];
    case 'sender':
      return count('workflowTaskCompleted') === 0 ? [send(1, 'nobody', 'a'), send(2, 'sender', 'b')] : [];
    case 'quick':
      return [ends];
    default:
      return [];
  }
}

/** Plays the worker until nobody has anything to do. */
async function work(world: World): Promise<void> {
  let idle = 0;
  for (let turns = 0; turns < 200 && idle < 4; turns += 1) {
    const answer = await ask(world, () =>
      world.node.frontend.pollWorkflowTasks(
        PollWorkflowTasksRequest.create({ taskQueue: 'q', worker, maxTasks: 10, waitTimeout: seconds(3) }),
        call,
      ),
    ).catch(() => undefined);
    const tasks = answer?.tasks ?? [];
    world.node.matching.received([answer?.answerId ?? '']);
    idle = tasks.length === 0 ? idle + 1 : 0;
    const completions = tasks.map((task) => WorkflowTaskCompletion.create({ token: task.token, commands: codeOf(task) }));
    if (completions.length === 0) continue;
    await ask(world, () =>
      world.node.frontend.completeWorkflowTasks(CompleteWorkflowTasksRequest.create({ worker, completions }), call),
    ).catch(() => undefined);
  }
}

async function kindsOf(world: World, workflowId: string, runId = ''): Promise<string[]> {
  const request = GetWorkflowHistoryRequest.create({ execution: { workflowId, runId } });
  const answer = await ask(world, () => world.node.frontend.getWorkflowHistory(request, call));
  return History.decode(answer.history).events.map(({ attributes }) => {
    const value = attributes?.value as { signalName?: string } | undefined;
    return `${attributes?.$case}${value?.signalName === undefined ? '' : ` ${value.signalName}`}`;
  });
}

interface Play {
  /** Of the parent. */
  readonly type: string;
  /** The parent's last event, and its runs with their status. */
  readonly close: string;
  readonly runs: readonly string[];
}

/** Returns how many commits it took. `at` is the commit that fails, 0 for none. */
async function play({ type, close: parentClose, runs }: Play, at: number, applied: boolean): Promise<number> {
  let commits = 0;
  const fail = (method: string): void => {
    if (method === 'commit' && commits === at) {
      commits += 1;
      throw new StoreError('ambiguous', 'the connection was lost');
    }
  };
  const faults: StoreFaults = {
    before({ method }) {
      if (method === 'commit') commits += 1;
      if (!applied) fail(method);
    },
    after({ method }) {
      if (applied) fail(method);
    },
  };
  const world = await open(faults);
  const ids = [world.env.newId(), world.env.newId()] as const;
  await ask(world, () => world.node.frontend.startWorkflow(startOf('peer', 'peer', ids[0]), call));
  const { runId } = await ask(world, () => world.node.frontend.startWorkflow(startOf('parent', type, ids[1]), call));
  await work(world);
  const parent = await kindsOf(world, 'parent', runId);
  const count = (kind: string): number => parent.filter((each) => each === kind).length;
  expect([at, count('childWorkflowStarted'), count('childWorkflowCompleted'), count('externalSignalDelivered')]).toEqual([at, 3, 1, 2]);
  expect(parent.at(-1)).toBe(parentClose);
  expect((await kindsOf(world, 'peer')).filter((each) => each.startsWith('workflowSignaled'))).toEqual([
    'workflowSignaled a',
    'workflowSignaled b',
    'workflowSignaled c',
  ]);
  const list = await ask(world, () => world.node.frontend.listWorkflows(ListWorkflowsRequest.create({}), call));
  const ends = list.workflows.map(({ execution, status }) => `${execution?.workflowId} ${status}`).sort();
  // Each child has one run; those with the policy "terminate" have ended with their parent.
  expect([at, ends]).toEqual([at, ['child-1 2', 'child-2 5', 'child-3 1', 'child-4 1', 'child-5 5', ...runs, 'peer 1']]);
  await world.env.advance(30_000);
  const now = world.env.now();
  const rows = world.database.executions.flatMap((slot) => [...slot.values()]);
  // Nothing is waited for any more: closed runs come back to be purged.
  expect([at, rows.filter(({ wakeAt }) => wakeAt !== null && wakeAt <= now).map(({ key }) => key.workflowId)]).toEqual([at, []]);
  await close(world);
  return commits;
}

test.each<Play>([
  { type: 'parent', close: 'workflowCompleted', runs: ['parent 2'] },
  { type: 'chained parent', close: 'workflowContinuedAsNew', runs: ['parent 1', 'parent 7'] },
])(
  'R-CHILD-1 R-CHILD-2 R-CHILD-4 R-EFFECT-1 R-EFFECT-2 R-EFFECT-3 R-EFFECT-4 hold when memory is lost at any commit of a $type',
  async (each) => {
    const commits = await play(each, 0, true);
    expect(commits).toBeGreaterThan(8);
    for (let at = 1; at <= commits; at += 1) {
      await play(each, at, true);
      await play(each, at, false);
    }
  },
  60_000,
);

test('R-EFFECT-5 R-EXT-4: what cannot be told now is asked again; a refusal is an answer; a run may send to itself', async () => {
  let refusals = 0;
  const world = await open({
    before({ method }) {
      if (method !== 'findRun' || refusals >= 5) return;
      refusals += 1;
      throw new StoreError('abort', 'too busy');
    },
  });
  await ask(world, () => world.node.frontend.startWorkflow(startOf('sender', 'sender', world.env.newId()), call));
  await work(world);
  expect(refusals).toBe(5);
  expect(await kindsOf(world, 'sender')).toEqual([
    'workflowStarted',
    'workflowTaskCompleted',
    'externalSignalScheduled a',
    'externalSignalScheduled b',
    'workflowSignaled b',
    'externalSignalDelivered',
    'workflowTaskCompleted',
    'externalSignalFailed',
    'workflowTaskCompleted',
  ]);
  await close(world);
});
