/** Random rows and random filters: what both stores must answer alike, list, count and groups. */
import fc from 'fast-check';
import { slotOf } from '../../../src/core/slot.ts';
import { FIELDS, type ValueType } from '../../../src/core/visibility-fields.ts';
import type { RunKey, Store, VisibilityEntry, VisibilityFilter, VisibilityGroup, VisibilityRow } from '../../../src/store/store.ts';
import { CLOSED, startRecord, VISIBLE, write } from './scene.ts';
import { ownerOf } from './visibility.ts';

/** Texts that a database could take for something else. */
const TEXTS = ['', 'a', 'ab', 'A', 'a%', 'a_', 'a\\', "a'b", '"', 'ä', '€', '😀', '{"a":1}', 'null', '7', 'true', 'a b'];
const NUMBERS = [-1, 0, 1, 2, 7, 2 ** 40, Number.MAX_SAFE_INTEGER];
const DOUBLES = [-0.5, 0, 0.1, 1, 1e-9, 1e21, 123.456];
const ATTRIBUTES: Readonly<Record<string, ValueType>> = {
  Customer: 'keyword',
  Tags: 'keywordList',
  Count: 'int',
  Price: 'double',
  Urgent: 'bool',
  Due: 'datetime',
  'Größe "x"': 'keyword',
  BlockedSince: 'datetime',
};

const texts = fc.constantFrom(...TEXTS);
const VALUES: Readonly<Record<ValueType, fc.Arbitrary<unknown>>> = {
  keyword: texts,
  keywordList: fc.array(texts, { maxLength: 3 }),
  int: fc.constantFrom(...NUMBERS),
  double: fc.constantFrom(...DOUBLES),
  bool: fc.boolean(),
  datetime: fc.constantFrom(...NUMBERS),
};

/** Now and then a value of another type, as runs have that started before the attribute was declared. */
const attributes = fc.record(
  Object.fromEntries(
    Object.entries(ATTRIBUTES).map(([name, type]) => [
      name,
      fc.oneof({ weight: 9, arbitrary: VALUES[type] }, { weight: 1, arbitrary: fc.oneof(...Object.values(VALUES)) }),
    ]),
  ),
  { requiredKeys: [] },
);

export const rows: fc.Arbitrary<(VisibilityRow & { workflowId: string })[]> = fc.array(
  fc.record({
    workflowId: texts.map((text) => `w${text}`),
    type: texts,
    status: fc.integer({ min: 2, max: 6 }),
    startedAt: fc.constantFrom(...NUMBERS),
    closedAt: fc.option(fc.constantFrom(...NUMBERS)),
    taskQueue: texts,
    buildId: texts,
    blockedCause: texts,
    historyLength: fc.constantFrom(...NUMBERS),
    attributes: fc.option(attributes, { nil: undefined }),
    memo: fc.constant(undefined),
  }),
  { minLength: 12, maxLength: 12 },
);

const ORDERED = ['=', '!=', '<', '<=', '>', '>='] as const;
const OPERATORS = {
  keyword: ['=', '!=', 'startsWith', 'notStartsWith'],
  keywordList: ['=', '!='],
  bool: ['=', '!='],
  int: ORDERED,
  double: ORDERED,
  datetime: ORDERED,
} as const;

function valuesFor(name: string, type: ValueType): fc.Arbitrary<unknown> {
  if (name === 'Status') return fc.integer({ min: 0, max: 8 });
  if (name === 'WorkflowId')
    return fc.oneof(
      texts,
      texts.map((text) => `w${text}`),
    );
  return type === 'keywordList' ? texts : VALUES[type];
}

const fields = [...FIELDS, ...Object.entries(ATTRIBUTES).map(([name, type]) => ({ name, type }))];
const compare: fc.Arbitrary<VisibilityFilter> = fc.constantFrom(...fields).chain(({ name, type }) =>
  fc.record({
    kind: fc.constant('compare' as const),
    field: fc.constant(name),
    type: fc.constant(type),
    op: fc.constantFrom('isNull' as const, 'isNotNull' as const, ...OPERATORS[type]),
    value: valuesFor(name, type) as fc.Arbitrary<string | number | boolean>,
  }),
);

export const filters: fc.Arbitrary<VisibilityFilter> = fc.letrec<{ filter: VisibilityFilter }>((tie) => ({
  filter: fc.oneof(
    { depthSize: 'small' },
    compare,
    fc.record({ kind: fc.constantFrom('and' as const, 'or' as const), terms: fc.array(tie('filter'), { maxLength: 3 }) }),
  ),
})).filter;

export const groupings: readonly { readonly field: string; readonly type: ValueType }[] = [
  ...FIELDS.filter((field) => field.groups === true),
  ...Object.entries(ATTRIBUTES)
    .map(([name, type]) => ({ name, type }))
    .filter(({ type }) => ['keyword', 'int', 'bool'].includes(type)),
].map(({ name, type }) => ({ field: name, type }));

export interface Answers {
  readonly list: readonly VisibilityEntry[];
  readonly oldest: readonly VisibilityEntry[];
  readonly count: number;
  readonly groups: readonly VisibilityGroup[][];
}

/** Writes the rows into a namespace; run ids are made of their places. */
export async function fill(store: Store, namespaceId: string, list: readonly (VisibilityRow & { workflowId: string })[]): Promise<void> {
  const sceneOf = await ownerOf(
    store,
    namespaceId,
    list.map((row) => row.workflowId),
  );
  for (const [index, { workflowId, ...row }] of list.entries()) {
    const runId = `${namespaceId.slice(0, 24)}${namespaceId.slice(-6)}${String(index).padStart(6, '0')}`;
    const key: RunKey = { slot: slotOf(namespaceId, workflowId), namespaceId, workflowId, runId };
    const scene = sceneOf(workflowId);
    await write(scene, startRecord(key, { execution: { ...CLOSED, lastSeq: 1 }, visibility: { ...VISIBLE, ...row } }));
  }
  await store.removeNode(sceneOf('').me);
}

export async function ask(store: Store, namespaceId: string, filter: VisibilityFilter): Promise<Answers> {
  const query = { namespaceId, filter, limit: 100, after: undefined };
  return {
    list: await store.listVisibility(query),
    oldest: await store.listVisibility({ ...query, order: 'oldestFirst', limit: 3 }),
    count: await store.countVisibility(namespaceId, filter),
    groups: await Promise.all(groupings.map((by) => store.groupVisibility(namespaceId, filter, by, 100))),
  };
}
