/** Lists, counts and namespaces. */
import { expect, test } from 'vitest';
import { DEFAULT_NAMESPACE, MAC_SECRET } from '../../../src/store/seed.ts';
import type { Store, VisibilityFilter, VisibilityRow } from '../../../src/store/store.ts';
import { failureKind, newId, newKey, newScene, startRecord, VISIBLE, write } from './scene.ts';

const ROWS: readonly (Partial<VisibilityRow> & { workflowId: string })[] = [
  { workflowId: 'a%1', type: 'order', status: 1, startedAt: 10 },
  { workflowId: 'a_2', type: 'order', status: 2, startedAt: 20, closedAt: 25 },
  { workflowId: 'b\\3', type: 'refund', status: 1, startedAt: 20, blockedCause: 'NONDETERMINISM' },
  { workflowId: 'ab4', type: 'refund', status: 3, startedAt: 30, closedAt: 40, taskQueue: 'slow' },
];

async function listed(store: Store): Promise<(filter?: VisibilityFilter) => Promise<string[]>> {
  const scene = await newScene(store);
  const namespaceId = newId();
  for (const { workflowId, ...row } of ROWS) {
    const key = { ...newKey(scene, workflowId), namespaceId };
    await write(scene, startRecord(key, { visibility: { ...VISIBLE, ...row } }));
  }
  return async (filter) => {
    const entries = await store.listVisibility({ namespaceId, filter, limit: 10, after: undefined });
    expect(await store.countVisibility(namespaceId, filter)).toBe(entries.length);
    return entries.map((entry) => entry.workflowId);
  };
}

const is = (
  field: 'workflowId' | 'runId' | 'type' | 'taskQueue' | 'blockedCause',
  op: '=' | '!=' | 'startsWith',
  value: string,
): VisibilityFilter => ({
  kind: 'compare',
  field,
  op,
  value,
});

export function lists(open: () => Store): void {
  test('a list shows the newest start first', async () => {
    const list = await listed(open());
    expect(await list()).toEqual(['ab4', 'b\\3', 'a_2', 'a%1']);
  });

  test('filters compare texts, states and times', async () => {
    const list = await listed(open());
    expect(await list(is('type', '=', 'order'))).toEqual(['a_2', 'a%1']);
    expect(await list(is('type', '!=', 'order'))).toEqual(['ab4', 'b\\3']);
    expect(await list(is('taskQueue', '=', 'slow'))).toEqual(['ab4']);
    expect(await list(is('blockedCause', '!=', ''))).toEqual(['b\\3']);
    expect(await list(is('runId', '=', 'not a run id'))).toEqual([]);
    expect(await list(is('runId', '!=', 'not a run id'))).toHaveLength(4);
    expect(await list({ kind: 'compare', field: 'status', op: '!=', value: 1 })).toEqual(['ab4', 'a_2']);
    expect(await list({ kind: 'compare', field: 'startedAt', op: '>=', value: 20 })).toEqual(['ab4', 'b\\3', 'a_2']);
    expect(await list({ kind: 'compare', field: 'startedAt', op: '<', value: 20 })).toEqual(['a%1']);
    // A run that has not closed has no close time, so no comparison with it holds.
    expect(await list({ kind: 'compare', field: 'closedAt', op: '!=', value: 25 })).toEqual(['ab4']);
    expect(await list({ kind: 'compare', field: 'closedAt', op: '<=', value: 25 })).toEqual(['a_2']);
  });

  test('a prefix is taken literally', async () => {
    const list = await listed(open());
    expect(await list(is('workflowId', 'startsWith', 'a'))).toEqual(['ab4', 'a_2', 'a%1']);
    expect(await list(is('workflowId', 'startsWith', 'a%'))).toEqual(['a%1']);
    expect(await list(is('workflowId', 'startsWith', 'a_'))).toEqual(['a_2']);
    expect(await list(is('workflowId', 'startsWith', 'b\\'))).toEqual(['b\\3']);
    expect(await list(is('workflowId', 'startsWith', "'; DROP TABLE visibility; --"))).toEqual([]);
    expect(await failureKind(list(is('workflowId', '=', 'a\0')))).toBe('poison');
  });

  test('terms combine', async () => {
    const list = await listed(open());
    const order = is('type', '=', 'order');
    const blocked = is('blockedCause', '=', 'NONDETERMINISM');
    expect(await list({ kind: 'or', terms: [blocked, { kind: 'and', terms: [order, is('workflowId', 'startsWith', 'a_')] }] })).toEqual([
      'b\\3',
      'a_2',
    ]);
    expect(await list({ kind: 'and', terms: [] })).toHaveLength(4);
    expect(await list({ kind: 'or', terms: [] })).toEqual([]);
  });

  test('pages go on after the last row, also among equal starts', async () => {
    const store = open();
    const scene = await newScene(store);
    const namespaceId = newId();
    for (let i = 0; i < 7; i += 1) {
      await write(scene, startRecord({ ...newKey(scene), namespaceId }, { visibility: { ...VISIBLE, startedAt: i < 5 ? 100 : 200 } }));
    }
    const all = await store.listVisibility({ namespaceId, filter: undefined, limit: 100, after: undefined });
    const paged: typeof all = [];
    for (let page = 0; page < 5; page += 1) {
      const last = paged.at(-1);
      const after = last && { startedAt: last.startedAt, runId: last.runId };
      paged.push(...(await store.listVisibility({ namespaceId, filter: undefined, limit: 3, after })));
    }
    expect(paged).toEqual(all);
    expect(paged).toHaveLength(7);
  });
}

export function namespaces(open: () => Store): void {
  test('the default namespace and the secret are there', async () => {
    const store = open();
    expect(await store.getNamespace('default')).toEqual(DEFAULT_NAMESPACE);
    expect((await store.getSecret(MAC_SECRET))?.length).toBe(32);
    expect(await store.getSecret('none')).toBeUndefined();
  });

  test('creating a namespace twice keeps the first', async () => {
    const store = open();
    const name = `team-${newId()}`;
    const row = { namespaceId: newId(), name, retentionMs: 3_600_000 };
    expect(await store.getNamespace(name)).toBeUndefined();
    const [first, second] = await Promise.all([store.createNamespace(row), store.createNamespace({ ...row, namespaceId: newId() })]);
    expect(first).toEqual(second);
    expect(await store.createNamespace({ ...row, retentionMs: 1 })).toEqual(first);
    expect(await store.getNamespace(name)).toEqual(first);
    expect(await store.listNamespaces()).toEqual(expect.arrayContaining([DEFAULT_NAMESPACE, first]));
    expect(await failureKind(store.createNamespace({ ...row, name: 'nul \0' }))).toBe('poison');
    expect(await failureKind(store.createNamespace({ ...first, name: `${name}-2` }))).toBe('poison');
  });
}
