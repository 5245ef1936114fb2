/** Lists and counts in memory: the filter is evaluated row by row. */
import { checkFilter } from '../checks.ts';
import type { VisibilityEntry, VisibilityFilter, VisibilityQuery } from '../store.ts';
import { compareText, type MemoryDatabase, type StoredVisibility } from './database.ts';

function compareValues(op: string, a: string | number, b: string | number): boolean {
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
    default:
      return false;
  }
}

/** True when the row passes. As in SQL, a comparison with a missing close time is never true. */
function matches(row: StoredVisibility, filter: VisibilityFilter | undefined): boolean {
  if (filter === undefined) return true;
  if (filter.kind !== 'compare') {
    return filter.kind === 'and' ? filter.terms.every((term) => matches(row, term)) : filter.terms.some((term) => matches(row, term));
  }
  const value = row[filter.field];
  return value !== null && compareValues(filter.op, value, filter.value);
}

export function listVisibility(db: MemoryDatabase, query: VisibilityQuery): VisibilityEntry[] {
  const { after } = query;
  checkFilter(query.filter);
  return [...db.visibility.values()]
    .filter((row) => row.namespaceId === query.namespaceId && matches(row, query.filter))
    .filter(
      (row) =>
        after === undefined ||
        row.startedAt < after.startedAt ||
        (row.startedAt === after.startedAt && compareText(row.runId, after.runId) < 0),
    )
    .sort((a, b) => b.startedAt - a.startedAt || compareText(b.runId, a.runId))
    .slice(0, query.limit)
    .map(({ namespaceId: _, ...entry }) => entry);
}

export function countVisibility(db: MemoryDatabase, namespaceId: string, filter: VisibilityFilter | undefined): number {
  checkFilter(filter);
  let count = 0;
  for (const row of db.visibility.values()) if (row.namespaceId === namespaceId && matches(row, filter)) count += 1;
  return count;
}
