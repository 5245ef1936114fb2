/** R-NS-1: whatever is asked through one namespace neither shows nor changes anything of another. Every RPC that names one is tried. */

import { NamespaceServiceDefinition } from '@perdure/proto/perdure/api/v1/namespace';
import {
  CompleteWorkflowTasksRequest,
  PollActivityTasksRequest,
  PollWorkflowTasksRequest,
  WorkerServiceDefinition,
} from '@perdure/proto/perdure/api/v1/worker_service';
import { DescribeWorkflowRequest, StartWorkflowRequest, WorkflowServiceDefinition } from '@perdure/proto/perdure/api/v1/workflow_service';
import { ActivityTaskToken, SignedToken } from '@perdure/proto/perdure/server/v1/token';
import { expect, test } from 'vitest';
import { activityTokenBytes, call, runId as placeholder, worker, workflowTokenBytes } from '../../test/support/frontend-world.ts';
import { createManualEnv } from '../../test/support/manual-env.ts';
import { startTestNode, type TestNode } from '../../test/support/node.ts';
import { requests } from '../../test/support/requests.ts';
import type { Frontend } from '../frontend/service.ts';
import { createMemoryDatabase } from '../store/memory/database.ts';
import { createMemoryStore } from '../store/memory/store.ts';
import { DEFAULT_NAMESPACE } from '../store/seed.ts';

const METHODS = { ...WorkflowServiceDefinition.methods, ...WorkerServiceDefinition.methods, ...NamespaceServiceDefinition.methods };
const NAMED = (Object.keys(METHODS) as (keyof Frontend)[]).filter((rpc) => {
  const codec = METHODS[rpc].requestType as unknown as { fromPartial(message: object): object };
  return Object.hasOwn(codec.fromPartial({}), 'namespace');
});

async function inTime<T>(env: ReturnType<typeof createManualEnv>, work: Promise<T>): Promise<T> {
  const state = { done: false };
  const end = (): void => {
    state.done = true;
  };
  work.then(end, end);
  for (let i = 0; i < 200 && !state.done; i += 1) await env.advance(100);
  return work;
}

interface World {
  readonly env: ReturnType<typeof createManualEnv>;
  readonly node: TestNode;
  readonly runId: string;
  readonly workflowToken: Uint8Array;
  readonly activityToken: Uint8Array;
  /** All that is stored of the default namespace's runs. */
  stored(): string;
}

/** A run of the default namespace with a workflow task and an attempt out, and another namespace that is empty. */
async function createWorld(): Promise<World> {
  const env = createManualEnv();
  const database = createMemoryDatabase();
  database.namespaces.set('other', { ...DEFAULT_NAMESPACE, name: 'other', namespaceId: '00000000-0000-7000-8000-0000000000bb' });
  const node = await inTime(env, startTestNode(env, createMemoryStore({ now: env.now, database })));
  const { frontend } = node;
  const start = { workflowId: 'wf', workflowType: 't', taskQueue: 'q' };
  const { runId } = await inTime(env, frontend.startWorkflow(StartWorkflowRequest.fromPartial(start), call));
  const task = async (): Promise<Uint8Array> => {
    const poll = PollWorkflowTasksRequest.fromPartial({ taskQueue: 'q', worker, maxTasks: 1 });
    return (await inTime(env, frontend.pollWorkflowTasks(poll, call))).tasks[0]?.token ?? new Uint8Array(0);
  };
  const schedule = { number: 1, activityType: 't', taskQueue: 'q', startToCloseTimeout: { seconds: 600n, nanos: 0 } };
  const commands = [{ attributes: { $case: 'scheduleActivity' as const, value: schedule } }];
  const completion = { token: await task(), commands, forceNewTask: true };
  await inTime(env, frontend.completeWorkflowTasks(CompleteWorkflowTasksRequest.fromPartial({ worker, completions: [completion] }), call));
  const poll = PollActivityTasksRequest.fromPartial({ taskQueue: 'q', worker, maxTasks: 1 });
  const activityToken = (await inTime(env, frontend.pollActivityTasks(poll, call))).tasks[0]?.token ?? new Uint8Array(0);
  const workflowToken = await task();
  await env.advance(1_000);
  const stored = (): string => {
    const log = [...database.history].filter(([key]) => key.endsWith(runId)).map(([, rows]) => [...rows.values()]);
    return JSON.stringify([log, database.visibility.get(`${DEFAULT_NAMESPACE.namespaceId}/${runId}`)], (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
    );
  };
  return { env, node, runId, workflowToken, activityToken, stored };
}

/** A good request of the RPC, about the run of the world, through a namespace. */
function aimed(value: unknown, world: World, namespace: string, key = ''): unknown {
  if (key === 'namespace') return namespace;
  if (value === placeholder) return world.runId;
  if (value instanceof Uint8Array) {
    if (Buffer.compare(value, workflowTokenBytes()) === 0) return world.workflowToken;
    return Buffer.compare(value, activityTokenBytes()) === 0 ? world.activityToken : value;
  }
  if (Array.isArray(value)) return value.map((item) => aimed(item, world, namespace));
  if (typeof value !== 'object' || value === null) return value;
  // No search attributes: the empty namespace declares none, and nothing but that would be refused.
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, name === 'searchAttributes' ? {} : aimed(item, world, namespace, name)]),
  );
}

async function ask(world: World, rpc: keyof Frontend, namespace: string): Promise<string> {
  const method = world.node.frontend[rpc] as (request: unknown, context: typeof call) => Promise<unknown>;
  const text = (value: unknown): string =>
    JSON.stringify(value, (_, item: unknown) =>
      item instanceof Uint8Array ? Buffer.from(item).toString('latin1') : typeof item === 'bigint' ? Number(item) : item,
    );
  try {
    return text(await inTime(world.env, method(aimed(requests[rpc], world, namespace), call)));
  } catch (error) {
    return `${(error as { reason?: string }).reason} ${(error as Error).message}`;
  }
}

test.each(NAMED)('%s', async (rpc) => {
  const world = await createWorld();
  const before = world.stored();
  const answer = await ask(world, rpc, 'other');
  await world.env.advance(1_000);
  expect(world.stored()).toBe(before);
  // A refusal may repeat what the request named, no more.
  if (!answer.startsWith('WORKFLOW_NOT_FOUND') && !answer.includes('WORKFLOW_NOT_FOUND')) expect(answer).not.toContain(world.runId);
  expect(answer).not.toContain('INTERNAL');
  await world.node.history.stop();
});

test('the same through the namespace of the run does find it', async () => {
  const world = await createWorld();
  for (const rpc of ['describeWorkflow', 'listWorkflows', 'getWorkflowHistory'] as const) {
    const filtered = rpc === 'listWorkflows' ? { filter: "WorkflowId = 'wf'" } : {};
    expect(await ask(world, rpc, 'default'), JSON.stringify(filtered)).toContain(rpc === 'listWorkflows' ? '"workflows"' : world.runId);
  }
  const token = SignedToken.decode(world.activityToken).body;
  expect(token?.$case === 'activityTask' && ActivityTaskToken.decode(token.value).runId).toBe(world.runId);
  const before = world.stored();
  expect(await ask(world, 'completeActivityTasks', 'default')).not.toContain('BAD_TOKEN');
  expect(await ask(world, 'terminateWorkflow', 'default')).toBe('{}');
  await world.env.advance(1_000);
  expect(world.stored()).not.toBe(before);
  const request = DescribeWorkflowRequest.fromPartial({ namespace: 'other', execution: { workflowId: 'wf' } });
  await expect(world.node.frontend.describeWorkflow(request, call)).rejects.toMatchObject({ reason: 'WORKFLOW_NOT_FOUND' });
  await world.node.history.stop();
});
