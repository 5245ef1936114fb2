/** Lists and counts in memory: the filter is evaluated row by row. */
import { builtInField, type ValueType } from '../../core/visibility-fields.ts';
import { checkFilter } from '../checks.ts';
import { sortGroups } from '../groups.ts';
import type { VisibilityEntry, VisibilityFilter, VisibilityGroup, VisibilityQuery } from '../store.ts';
import { compareText, type MemoryDatabase, type StoredVisibility } from './database.ts';

type Compare = Extract<VisibilityFilter, { kind: 'compare' }>;

const TYPE_OF: Readonly<Record<ValueType, (value: unknown) => boolean>> = {
  keyword: (value) => typeof value === 'string',
  keywordList: Array.isArray,
  int: (value) => typeof value === 'number',
  double: (value) => typeof value === 'number',
  datetime: (value) => typeof value === 'number',
  bool: (value) => typeof value === 'boolean',
};

/** The stored value; null when the run has none. */
function storedValue(row: StoredVisibility, name: string): unknown {
  const column = builtInField(name)?.column;
  if (column !== undefined) return row[column];
  return Object.hasOwn(row.attributes ?? {}, name) ? (row.attributes?.[name] ?? null) : null;
}

function compareValues(op: Compare['op'], a: string | number | boolean, b: string | number | boolean): boolean {
  switch (op) {
    case '=':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
    case 'startsWith':
      return String(a).startsWith(String(b));
    case 'notStartsWith':
      return !String(a).startsWith(String(b));
    case 'isNull':
    case 'isNotNull':
      return false;
  }
}

/** As in SQL, a comparison with a value that is missing never holds. */
function compares(row: StoredVisibility, filter: Compare): boolean {
  const value = storedValue(row, filter.field);
  const missing = value === null || (value === '' && builtInField(filter.field)?.emptyIsNull === true);
  if (filter.op === 'isNull') return missing;
  if (filter.op === 'isNotNull') return !missing;
  if (value === null || !TYPE_OF[filter.type](value)) return false;
  if (Array.isArray(value)) return value.includes(filter.value) === (filter.op === '=');
  return compareValues(filter.op, value as string | number | boolean, filter.value);
}

function matches(row: StoredVisibility, filter: VisibilityFilter | undefined): boolean {
  if (filter === undefined) return true;
  if (filter.kind === 'compare') return compares(row, filter);
  return filter.kind === 'and' ? filter.terms.every((term) => matches(row, term)) : filter.terms.some((term) => matches(row, term));
}

function* matching(db: MemoryDatabase, namespaceId: string, filter: VisibilityFilter | undefined): Generator<StoredVisibility> {
  checkFilter(filter);
  for (const row of db.visibility.values()) if (row.namespaceId === namespaceId && matches(row, filter)) yield row;
}

export function listVisibility(db: MemoryDatabase, query: VisibilityQuery): VisibilityEntry[] {
  const { after } = query;
  const sign = query.order === 'oldestFirst' ? -1 : 1;
  const newerFirst = (a: { startedAt: number; runId: string }, b: { startedAt: number; runId: string }): number =>
    sign * (b.startedAt - a.startedAt || compareText(b.runId, a.runId));
  return [...matching(db, query.namespaceId, query.filter)]
    .filter((row) => after === undefined || newerFirst(after, row) < 0)
    .sort(newerFirst)
    .slice(0, query.limit)
    .map(({ namespaceId: _, ...entry }) => entry);
}

export function countVisibility(db: MemoryDatabase, namespaceId: string, filter: VisibilityFilter | undefined): number {
  return [...matching(db, namespaceId, filter)].length;
}

export function groupVisibility(
  db: MemoryDatabase,
  namespaceId: string,
  filter: VisibilityFilter | undefined,
  by: { readonly field: string; readonly type: ValueType },
  limit: number,
): VisibilityGroup[] {
  const counts = new Map<VisibilityGroup['value'], number>();
  for (const row of matching(db, namespaceId, filter)) {
    const value = storedValue(row, by.field);
    const none = value === '' && builtInField(by.field)?.emptyIsNull === true;
    const key = !none && TYPE_OF[by.type](value) ? (value as string | number | boolean) : null;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return sortGroups([...counts].map(([value, count]) => ({ value, count }))).slice(0, limit);
}
