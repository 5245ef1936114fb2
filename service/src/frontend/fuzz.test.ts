/** R-API-3: every text of every request, one after the other, replaced by text that cannot be stored: each is refused, naming the field. */
import { NamespaceServiceDefinition } from '@perdure/proto/perdure/api/v1/namespace';
import { WorkerServiceDefinition } from '@perdure/proto/perdure/api/v1/worker_service';
import { WorkflowServiceDefinition } from '@perdure/proto/perdure/api/v1/workflow_service';
import { expect, test } from 'vitest';
import { call, createFrontendWorld } from '../../test/support/frontend-world.ts';
import { requests } from '../../test/support/requests.ts';
import type { Frontend } from './service.ts';

/** Fields whose items are judged by themselves, by RPC. */
const BATCHES: Partial<Record<keyof Frontend, string>> = {
  startWorkflows: 'items',
  signalWorkflows: 'items',
  completeWorkflowTasks: 'completions',
  failWorkflowTasks: 'failures',
  completeQueries: 'completions',
  completeActivityTasks: 'completions',
  heartbeatActivities: 'heartbeats',
};
/** Refused item by item, but with paths from the request on: its items have no messages of their own. */
const AWAITED = 'awaitWorkflowResults';
const MAPS = ['memo', 'searchAttributes', 'text', 'fields', 'metadata', 'variables', 'labels'];

/** Gets the path of a text, as errors name it, and the text; returns what takes its place. */
type Change = (path: string, text: string) => string;

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A copy of a message with every string and every map key put through `change`. */
function rewritten(value: unknown, path: string, isMap: boolean, change: Change): unknown {
  if (typeof value === 'string') return change(path, value);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map((item, index) => rewritten(item, `${path}[${index}]`, false, change));
  if ('$case' in value)
    return { $case: value.$case, value: rewritten((value as unknown as { value: unknown }).value, path, false, change) };
  const entries = Object.entries(value).map(([key, field]: [string, unknown]) => {
    if (isMap) {
      const newKey = change(`${path}[${JSON.stringify(key)}]`, key);
      return [newKey, rewritten(field, `${path}[${JSON.stringify(key)}]`, false, change)];
    }
    const chosen = typeof field === 'object' && field !== null && '$case' in field ? String(field.$case) : key;
    return [key, rewritten(field, path === '' ? snake(chosen) : `${path}.${snake(chosen)}`, MAPS.includes(key), change)];
  });
  return Object.fromEntries(entries);
}

/** The request with `bad` added to its n-th text; undefined when it has no n-th. `path` is what the refusal should name. */
function spoiled(request: unknown, n: number, bad: string): { request: unknown; path: string } | undefined {
  let seen = 0;
  let path: string | undefined;
  const copy = rewritten(request, '', false, (at, text) => {
    if (seen++ !== n) return text;
    const isKey = at.endsWith(`[${JSON.stringify(text)}]`);
    path = isKey ? `${at.slice(0, -JSON.stringify(text).length - 2)}[${JSON.stringify(text + bad)}]` : at;
    return text + bad;
  });
  return path === undefined ? undefined : { request: copy, path };
}

interface Refusal {
  readonly reason: string;
  readonly metadata: Record<string, string>;
}

/** The refusal of the call, or of the item at fault, and how many follow-ups history was given. */
async function refusalOf(
  rpc: keyof Frontend,
  request: unknown,
): Promise<{ refusal: Refusal; item: number | undefined; others: number; followUps: number }> {
  const { frontend, asked } = createFrontendWorld();
  const method = frontend[rpc] as (request: unknown, context: typeof call) => Promise<Record<string, unknown>>;
  let response: Record<string, unknown> | undefined;
  try {
    response = await method(request, call);
  } catch (error) {
    return { refusal: error as unknown as Refusal, item: undefined, others: 0, followUps: 0 };
  }
  const items = (response?.results ?? response?.errors ?? []) as {
    reason?: string;
    error?: Refusal;
    outcome?: { $case: string; value: Refusal };
  }[];
  const errors = items.map((item) =>
    item.outcome?.$case === 'error' ? item.outcome.value : (item.error ?? (item.reason ? (item as Refusal) : undefined)),
  );
  const item = errors.findIndex((error) => error !== undefined);
  const refusal = errors[item] ?? { reason: 'accepted', metadata: {} };
  const ends = asked.flatMap(({ method, args }) => (method === 'completeActivities' ? (args[1] as { followUp?: object }[]) : []));
  const followUps = ends.filter(({ followUp: told }) => told !== undefined).length;
  return { refusal, item, others: errors.filter((error) => error !== undefined).length - 1, followUps };
}

test.each(Object.keys(requests) as (keyof Frontend)[])('%s', async (rpc) => {
  const request = requests[rpc];
  const good = await refusalOf(rpc, request);
  expect(good.refusal, 'the whole request is good').toEqual({ reason: 'accepted', metadata: {} });
  expect(good.followUps).toBe(rpc === 'completeActivityTasks' ? 1 : 0);
  for (let n = 0; ; n++) {
    for (const bad of ['\0', '\ud800', '\udc00x']) {
      const one = spoiled(request, n, bad);
      if (one === undefined) return;
      const batch = BATCHES[rpc];
      const inItem = new RegExp(`^${batch}\\[(\\d+)\\]\\.`).exec(one.path);
      const { refusal, item, others, followUps } = await refusalOf(rpc, one.request);
      if (/\.follow_up\./.test(one.path)) {
        // R-TASK-9: the end counts, whatever its follow-up holds.
        expect([one.path, refusal.reason, followUps]).toEqual([one.path, 'accepted', 0]);
        continue;
      }
      const expected = inItem === null ? one.path : one.path.slice(inItem[0].length);
      const reason = expected.startsWith('commands[') ? 'BAD_COMMAND' : 'BAD_FIELD';
      expect([one.path, refusal.reason, refusal.metadata.field]).toEqual([one.path, reason, expected]);
      const alone = inItem === null && !(rpc === AWAITED && one.path.startsWith('executions'));
      expect([item, others]).toEqual(alone ? [undefined, 0] : [Number(inItem?.[1] ?? 0), 0]);
    }
  }
});

test.each(Object.keys(requests) as (keyof Frontend)[])('the request of %s leaves no field out', (rpc) => {
  const methods = { ...WorkflowServiceDefinition.methods, ...WorkerServiceDefinition.methods, ...NamespaceServiceDefinition.methods };
  const codec = methods[rpc].requestType as unknown as { fromPartial(message: unknown): unknown };
  expect(requests[rpc]).toEqual(codec.fromPartial(requests[rpc]));
});
