/** Lists and counts: every comparison, order, pages, groups. */
import { expect, test } from 'vitest';
import { slotOf } from '../../../src/core/slot.ts';
import type { Comparison, ValueType } from '../../../src/core/visibility-fields.ts';
import type { RunKey, Store, VisibilityFilter, VisibilityGroup, VisibilityRow } from '../../../src/store/store.ts';
import { failureKind, newId, newKey, newScene, nodeInfo, type Scene, startRecord, VISIBLE, write } from './scene.ts';

const ROWS: readonly (Partial<VisibilityRow> & { workflowId: string })[] = [
  { workflowId: 'a%1', type: 'order', status: 1, startedAt: 10, attributes: { Customer: 'c1', Amount: 5, Tags: ['x', 'y'], Due: 100 } },
  { workflowId: 'a_2', type: 'order', status: 2, startedAt: 20, closedAt: 25, attributes: { Customer: 'c%', Amount: 2.5, Urgent: true } },
  {
    workflowId: 'b\\3',
    type: 'refund',
    status: 1,
    startedAt: 20,
    blockedCause: 'NONDETERMINISM',
    attributes: { BlockedSince: 30, Urgent: false },
  },
  // Written before its attributes were declared: of other types than declared since.
  {
    workflowId: 'ab4',
    type: 'refund',
    status: 3,
    startedAt: 30,
    closedAt: 40,
    taskQueue: 'slow',
    attributes: { Customer: 7, Amount: 'x', Tags: 'x' },
  },
  { workflowId: 'none', type: 'refund', status: 3, startedAt: 5, closedAt: 6 },
];

/** Slots below are taken by other tests. */
const FREE_SLOTS = 600;

/** A namespace in which these workflow ids have slots that no other test takes. */
export function newNamespaceId(workflowIds: readonly string[]): string {
  for (;;) {
    const id = newId();
    if (workflowIds.every((workflowId) => slotOf(id, workflowId) >= FREE_SLOTS)) return id;
  }
}

/** A run of any workflow id has the slot of its own, as in the service: a node owns all that the rows need. */
export async function ownerOf(store: Store, namespaceId: string, workflowIds: readonly string[]): Promise<(workflowId: string) => Scene> {
  const node = nodeInfo();
  await store.registerNode(node);
  const slots = [...new Set(workflowIds.map((id) => slotOf(namespaceId, id)))];
  expect((await store.claimSlots(node.nodeId, slots)).sort()).toEqual(slots.sort());
  return (workflowId) => ({ store, me: node.nodeId, slot: slotOf(namespaceId, workflowId) });
}

async function filled(store: Store): Promise<string> {
  const ids = ROWS.map((row) => row.workflowId);
  const namespaceId = newNamespaceId(ids);
  const sceneOf = await ownerOf(store, namespaceId, ids);
  for (const { workflowId, ...row } of ROWS) {
    const key: RunKey = { slot: slotOf(namespaceId, workflowId), namespaceId, workflowId, runId: newId() };
    await write(sceneOf(workflowId), startRecord(key, { visibility: { ...VISIBLE, attributes: undefined, ...row } }));
  }
  await store.removeNode(sceneOf('').me);
  return namespaceId;
}

async function listed(store: Store): Promise<(filter?: VisibilityFilter) => Promise<string[]>> {
  const namespaceId = await filled(store);
  return async (filter) => {
    const entries = await store.listVisibility({ namespaceId, filter, limit: 10, after: undefined });
    expect(await store.countVisibility(namespaceId, filter)).toBe(entries.length);
    return entries.map((entry) => entry.workflowId);
  };
}

const is = (field: string, type: ValueType, op: Comparison, value: string | number | boolean = ''): VisibilityFilter => ({
  kind: 'compare',
  field,
  type,
  op,
  value,
});
const text = (field: string, op: Comparison, value = ''): VisibilityFilter => is(field, 'keyword', op, value);

function comparisons(open: () => Store): void {
  test('a list shows the newest start first', async () => {
    const list = await listed(open());
    expect(await list()).toEqual(['ab4', 'b\\3', 'a_2', 'a%1', 'none']);
  });

  test('filters compare texts, states and times', async () => {
    const list = await listed(open());
    expect(await list(text('WorkflowType', '=', 'order'))).toEqual(['a_2', 'a%1']);
    expect(await list(text('WorkflowType', '!=', 'order'))).toEqual(['ab4', 'b\\3', 'none']);
    expect(await list(text('TaskQueue', '=', 'slow'))).toEqual(['ab4']);
    expect(await list(text('WorkflowId', '=', 'a_2'))).toEqual(['a_2']);
    expect(await list(text('WorkflowId', '=', 'a_3'))).toEqual([]);
    expect(await list(text('BlockedCause', '!=', ''))).toEqual(['b\\3']);
    expect(await list(text('BlockedCause', 'isNotNull'))).toEqual(['b\\3']);
    expect(await list(text('BlockedCause', 'isNull'))).toHaveLength(4);
    expect(await list(text('RunId', '=', 'not a run id'))).toEqual([]);
    expect(await list(text('RunId', '!=', 'not a run id'))).toHaveLength(5);
    expect(await list(is('Status', 'int', '!=', 1))).toEqual(['ab4', 'a_2', 'none']);
    expect(await list(is('StartTime', 'datetime', '>=', 20))).toEqual(['ab4', 'b\\3', 'a_2']);
    expect(await list(is('StartTime', 'datetime', '<', 10))).toEqual(['none']);
    // A run that has not closed has no close time, so no comparison with it holds.
    expect(await list(is('CloseTime', 'datetime', '!=', 25))).toEqual(['ab4', 'none']);
    expect(await list(is('CloseTime', 'datetime', '<=', 25))).toEqual(['a_2', 'none']);
    expect(await list(is('CloseTime', 'datetime', 'isNull'))).toEqual(['b\\3', 'a%1']);
    expect(await list(is('HistoryLength', 'int', '>', 1_000_000))).toEqual([]);
  });

  test('R-VIS-3: search attributes compare by their type; a missing value, or one of another type, holds nothing but IS NULL', async () => {
    const list = await listed(open());
    expect(await list(text('Customer', '=', 'c1'))).toEqual(['a%1']);
    expect(await list(text('Customer', '!=', 'c1'))).toEqual(['a_2']);
    expect(await list(text('Customer', 'startsWith', 'c%'))).toEqual(['a_2']);
    expect(await list(text('Customer', 'notStartsWith', 'c%'))).toEqual(['a%1']);
    expect(await list(text('Customer', 'isNull'))).toEqual(['b\\3', 'none']);
    expect(await list(is('Amount', 'double', '>', 2.25))).toEqual(['a_2', 'a%1']);
    expect(await list(is('Amount', 'double', '=', 5))).toEqual(['a%1']);
    expect(await list(is('Amount', 'double', '!=', 5))).toEqual(['a_2']);
    expect(await list(is('Amount', 'double', 'isNotNull'))).toEqual(['ab4', 'a_2', 'a%1']);
    expect(await list(is('Tags', 'keywordList', '=', 'y'))).toEqual(['a%1']);
    expect(await list(is('Tags', 'keywordList', '!=', 'z'))).toEqual(['a%1']);
    expect(await list(is('Urgent', 'bool', '=', true))).toEqual(['a_2']);
    expect(await list(is('Urgent', 'bool', '!=', true))).toEqual(['b\\3']);
    expect(await list(is('Due', 'datetime', '<=', 100))).toEqual(['a%1']);
    expect(await list(is('BlockedSince', 'datetime', '<', 31))).toEqual(['b\\3']);
    expect(await list(is("'); --", 'int', '=', 1))).toEqual([]);
  });
}

export function lists(open: () => Store): void {
  comparisons(open);

  test('a prefix is taken literally', async () => {
    const list = await listed(open());
    expect(await list(text('WorkflowId', 'startsWith', 'a'))).toEqual(['ab4', 'a_2', 'a%1']);
    expect(await list(text('WorkflowId', 'startsWith', 'a%'))).toEqual(['a%1']);
    expect(await list(text('WorkflowId', 'startsWith', 'a_'))).toEqual(['a_2']);
    expect(await list(text('WorkflowId', 'notStartsWith', 'a'))).toEqual(['b\\3', 'none']);
    expect(await list(text('WorkflowId', 'startsWith', 'b\\'))).toEqual(['b\\3']);
    expect(await list(text('WorkflowId', 'startsWith', "'; DROP TABLE visibility; --"))).toEqual([]);
    expect(await failureKind(list(text('WorkflowId', '=', 'a\0')))).toBe('poison');
  });

  test('terms combine', async () => {
    const list = await listed(open());
    const order = text('WorkflowType', '=', 'order');
    const blocked = text('BlockedCause', '=', 'NONDETERMINISM');
    expect(await list({ kind: 'or', terms: [blocked, { kind: 'and', terms: [order, text('WorkflowId', 'startsWith', 'a_')] }] })).toEqual([
      'b\\3',
      'a_2',
    ]);
    expect(await list({ kind: 'and', terms: [] })).toHaveLength(5);
    expect(await list({ kind: 'or', terms: [] })).toEqual([]);
  });

  test('R-VIS-5: pages go on after the last row, also among equal starts, in both orders', async () => {
    const store = open();
    const scene = await newScene(store);
    const namespaceId = newId();
    for (let i = 0; i < 7; i += 1) {
      await write(scene, startRecord({ ...newKey(scene), namespaceId }, { visibility: { ...VISIBLE, startedAt: i < 5 ? 100 : 200 } }));
    }
    const newest = await store.listVisibility({ namespaceId, filter: undefined, limit: 100, after: undefined });
    for (const order of ['newestFirst', 'oldestFirst'] as const) {
      const all = order === 'newestFirst' ? newest : newest.toReversed();
      const paged: typeof all = [];
      for (let page = 0; page < 5; page += 1) {
        const last = paged.at(-1);
        const after = last && { startedAt: last.startedAt, runId: last.runId };
        paged.push(...(await store.listVisibility({ namespaceId, filter: undefined, limit: 3, after, order })));
      }
      expect(paged).toEqual(all);
      expect(paged).toHaveLength(7);
    }
  });
}

export function groups(open: () => Store): void {
  test('R-VIS-6: counts by groups, the largest first, runs without a value among them', async () => {
    const store = open();
    const namespaceId = await filled(store);
    const by = (field: string, type: ValueType, filter?: VisibilityFilter, limit = 10): Promise<VisibilityGroup[]> =>
      store.groupVisibility(namespaceId, filter, { field, type }, limit);
    expect(await by('Status', 'int')).toEqual([
      { value: 1, count: 2 },
      { value: 3, count: 2 },
      { value: 2, count: 1 },
    ]);
    expect(await by('WorkflowType', 'keyword', undefined, 1)).toEqual([{ value: 'refund', count: 3 }]);
    expect(await by('BlockedCause', 'keyword')).toEqual([
      { value: null, count: 4 },
      { value: 'NONDETERMINISM', count: 1 },
    ]);
    expect(await by('Customer', 'keyword')).toEqual([
      { value: null, count: 3 },
      { value: 'c%', count: 1 },
      { value: 'c1', count: 1 },
    ]);
    expect(await by('Urgent', 'bool', text('WorkflowType', '=', 'order'))).toEqual([
      { value: true, count: 1 },
      { value: null, count: 1 },
    ]);
    expect(await by('Customer', 'keyword', text('WorkflowType', '=', 'nothing'))).toEqual([]);
  });
}
