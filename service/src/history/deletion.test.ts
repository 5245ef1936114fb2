/** Deletion of namespaces, on a whole node in virtual time: what is refused, what goes, and what a crash in between leaves. */
import {
  CreateNamespaceRequest,
  DeleteNamespaceRequest,
  DescribeNamespaceRequest,
  NamespaceState,
} from '@perdure/proto/perdure/api/v1/namespace';
import { ListWorkflowsRequest, StartWorkflowRequest, TerminateWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { expect, test } from 'vitest';
import { call } from '../../test/support/frontend-world.ts';
import { createManualEnv, type ManualEnv } from '../../test/support/manual-env.ts';
import { startTestNode, type TestNode } from '../../test/support/node.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../store/memory/database.ts';
import { createMemoryStore } from '../store/memory/store.ts';

async function inTime<T>(env: ManualEnv, work: Promise<T>): Promise<T> {
  const state = { done: false };
  const end = (): void => {
    state.done = true;
  };
  work.then(end, end);
  for (let i = 0; i < 200 && !state.done; i += 1) await env.advance(50);
  return work;
}

interface World {
  readonly env: ManualEnv;
  readonly database: MemoryDatabase;
  node: TestNode;
  boot(): Promise<TestNode>;
}

async function createWorld(): Promise<World> {
  const env = createManualEnv();
  const database = createMemoryDatabase();
  const boot = (): Promise<TestNode> => inTime(env, startTestNode(env, createMemoryStore({ now: env.now, database })));
  return { env, database, boot, node: await boot() };
}

const start = (world: World, namespace: string, workflowId: string): Promise<{ runId: string }> =>
  inTime(
    world.env,
    world.node.frontend.startWorkflow(StartWorkflowRequest.fromPartial({ namespace, workflowId, workflowType: 't', taskQueue: 'q' }), call),
  );
const remove = (world: World, name: string, terminateOpenRuns: boolean): Promise<unknown> =>
  inTime(world.env, world.node.frontend.deleteNamespace(DeleteNamespaceRequest.fromPartial({ name, terminateOpenRuns }), call));
const describeIt = (world: World, name: string): ReturnType<TestNode['frontend']['describeNamespace']> =>
  world.node.frontend.describeNamespace(DescribeNamespaceRequest.fromPartial({ name }), call);
const create = (world: World, name: string): ReturnType<TestNode['frontend']['createNamespace']> =>
  world.node.frontend.createNamespace(CreateNamespaceRequest.fromPartial({ name }), call);

/** Rows of a namespace in all tables. */
function rowsOf({ database }: World, namespaceId: string): number {
  const runs = database.executions.flatMap((slot) => [...slot.values()]).filter((row) => row.key.namespaceId === namespaceId);
  return runs.length + [...database.visibility.values()].filter((row) => row.namespaceId === namespaceId).length;
}

test('R-NS-4: a namespace with open runs goes only when told so, the default one never; then it takes no calls', async () => {
  const world = await createWorld();
  await create(world, 'team');
  await start(world, 'team', 'a');
  await expect(remove(world, 'team', false)).rejects.toMatchObject({ reason: 'NAMESPACE_IN_USE', metadata: { open_runs: '1' } });
  await expect(remove(world, 'default', true)).rejects.toMatchObject({ reason: 'NAMESPACE_IN_USE' });
  await expect(remove(world, 'nobody', true)).rejects.toMatchObject({ reason: 'NAMESPACE_NOT_FOUND' });
  await remove(world, 'team', true);
  await remove(world, 'team', false);
  await expect(start(world, 'team', 'b')).rejects.toMatchObject({ reason: 'NAMESPACE_DELETING' });
  await expect(world.node.frontend.listWorkflows(ListWorkflowsRequest.fromPartial({ namespace: 'team' }), call)).rejects.toMatchObject({
    reason: 'NAMESPACE_DELETING',
  });
  await expect(create(world, 'team')).rejects.toMatchObject({ reason: 'NAMESPACE_EXISTS' });
  const { namespace, deletion } = await describeIt(world, 'team');
  expect([namespace?.state, deletion?.openRuns, deletion?.closedRuns]).toEqual([NamespaceState.DELETING, 1n, 0n]);
  await world.node.history.stop();
});

test('R-NS-4: a start that a frontend let through meanwhile is refused by history', async () => {
  const world = await createWorld();
  const { namespace } = await create(world, 'team');
  await start(world, 'team', 'a');
  const row = world.database.namespaces.get('team');
  if (row === undefined || namespace === undefined) throw new Error('not there');
  // Changed behind the frontend's back: it believes its cached row for 5 s.
  world.database.namespaces.set('team', { ...row, config: { ...row.config, deletingSince: world.env.now() } });
  await world.env.advance(4_000);
  const before = world.database.visibility.size;
  await world.env.advance(7_000);
  world.database.namespaces.set('team', row);
  await expect(start(world, 'team', 'b')).rejects.toMatchObject({ reason: 'NAMESPACE_DELETING' });
  expect(world.database.visibility.size).toBe(before);
  await world.node.history.stop();
});

test('R-NS-5: everything in it goes, also when the node dies half-way; other namespaces stay, and the name is free again', async () => {
  const world = await createWorld();
  const { namespace } = await create(world, 'team');
  const id = namespace?.namespaceId ?? '';
  for (let i = 0; i < 8; i += 1) await start(world, 'team', `w${i}`);
  await start(world, 'default', 'w0');
  const end = TerminateWorkflowRequest.fromPartial({ namespace: 'team', execution: { workflowId: 'w1' } });
  await inTime(world.env, world.node.frontend.terminateWorkflow(end, call));
  await remove(world, 'team', true);
  await world.env.advance(25_000);
  expect(rowsOf(world, id)).toBe(16);
  await world.env.advance(6_100);
  // Something has been done, not all.
  const { deletion } = await describeIt(world, 'team');
  expect((deletion?.openRuns ?? 0n) + (deletion?.closedRuns ?? 0n)).toBeGreaterThan(0n);
  await world.node.history.stop();
  world.node.matching.close();
  world.node = await world.boot();
  await world.env.advance(60_000);
  expect(rowsOf(world, id)).toBe(0);
  expect([...world.database.history.keys()]).toHaveLength(1);
  await expect(describeIt(world, 'team')).rejects.toMatchObject({ reason: 'NAMESPACE_NOT_FOUND' });
  const again = await create(world, 'team');
  expect(again.namespace?.namespaceId).not.toBe(id);
  await world.node.history.stop();
});

test('R-VIS-1: lists show a change no sooner than it is committed, and then at once', async () => {
  const world = await createWorld();
  await start(world, 'default', 'w');
  const statuses = async (): Promise<number[]> =>
    (await world.node.frontend.listWorkflows(ListWorkflowsRequest.fromPartial({}), call)).workflows.map((run) => run.status);
  expect(await statuses()).toEqual([1]);
  const end = world.node.frontend.terminateWorkflow(TerminateWorkflowRequest.fromPartial({ execution: { workflowId: 'w' } }), call);
  expect(await statuses()).toEqual([1]);
  await inTime(world.env, end);
  expect(await statuses()).toEqual([5]);
  await world.node.history.stop();
});
