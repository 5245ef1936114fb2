/** Lists and counts of runs. A typed filter becomes SQL whose values are all parameters. */
import { checkFilter } from '../checks.ts';
import type { VisibilityEntry, VisibilityFilter, VisibilityQuery } from '../store.ts';
import type { Sessions } from './sessions.ts';

const COLUMNS: Readonly<Record<string, { readonly column: string; readonly type: string }>> = {
  workflowId: { column: 'workflow_id', type: 'TEXT' },
  runId: { column: 'run_id', type: 'UUID' },
  type: { column: 'type', type: 'TEXT' },
  taskQueue: { column: 'task_queue', type: 'TEXT' },
  blockedCause: { column: 'blocked_cause', type: 'TEXT' },
  status: { column: 'status', type: 'INT4' },
  startedAt: { column: 'started_at', type: 'INT8' },
  closedAt: { column: 'closed_at', type: 'INT8' },
};

const OPERATORS = { '=': '=', '!=': '<>', '<': '<', '<=': '<=', '>': '>', '>=': '>=' } as const;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

type Compare = Extract<VisibilityFilter, { kind: 'compare' }>;

function compileCompare(filter: Compare, values: unknown[]): string {
  const { column, type } = COLUMNS[filter.field] ?? { column: '', type: '' };
  if (column === '') throw new Error(`no such field: ${filter.field}`);
  if (filter.op === 'startsWith') {
    values.push(`${filter.value.replace(/[\\%_]/g, '\\$&')}%`);
    return `v.${column}::TEXT LIKE $${values.length}::TEXT`;
  }
  // A run id that is none equals nothing, rather than failing the query.
  const asText = type === 'UUID' && !UUID.test(String(filter.value));
  values.push(filter.value);
  return `v.${column}${asText ? '::TEXT' : ''} ${OPERATORS[filter.op]} $${values.length}::${asText ? 'TEXT' : type}`;
}

/** A condition on `visibility AS v`; appends its values to `values`. */
export function compileFilter(filter: VisibilityFilter, values: unknown[]): string {
  if (filter.kind === 'compare') return compileCompare(filter, values);
  if (filter.terms.length === 0) return filter.kind === 'and' ? 'true' : 'false';
  return `(${filter.terms.map((term) => compileFilter(term, values)).join(filter.kind === 'and' ? ' AND ' : ' OR ')})`;
}

/** The statement of a list, and its values. Keyset on (start, run id), both descending. */
export function listStatement(query: VisibilityQuery): { text: string; values: unknown[] } {
  const values: unknown[] = [query.namespaceId];
  const conditions = ['v.namespace_id = $1::UUID'];
  if (query.after !== undefined) {
    values.push(query.after.startedAt, query.after.runId);
    conditions.push('(v.started_at, v.run_id) < ($2::INT8, $3::UUID)');
  }
  if (query.filter !== undefined) conditions.push(compileFilter(query.filter, values));
  values.push(query.limit);
  const text = `SELECT v.run_id, v.workflow_id, v.type, v.status, v.started_at, v.closed_at, v.task_queue, v.build_id,
      v.blocked_cause, v.history_length, v.attributes, v.memo
    FROM visibility AS v WHERE ${conditions.join(' AND ')}
    ORDER BY v.started_at DESC, v.run_id DESC LIMIT $${values.length}::INT8`;
  return { text, values };
}

/** The statement of a count, and its values. */
export function countStatement(namespaceId: string, filter: VisibilityFilter | undefined): { text: string; values: unknown[] } {
  const values: unknown[] = [namespaceId];
  const condition = filter === undefined ? '' : ` AND ${compileFilter(filter, values)}`;
  return { text: `SELECT count(*) AS runs FROM visibility AS v WHERE v.namespace_id = $1::UUID${condition}`, values };
}

interface Row {
  run_id: string;
  workflow_id: string;
  type: string;
  status: number;
  started_at: number;
  closed_at: number | null;
  task_queue: string;
  build_id: string;
  blocked_cause: string;
  history_length: number;
  attributes: Record<string, unknown> | null;
  memo: Buffer | null;
}

export async function listVisibility(sessions: Sessions, query: VisibilityQuery): Promise<VisibilityEntry[]> {
  checkFilter(query.filter);
  const { text, values } = listStatement(query);
  const rows = await sessions.run<Row>('read', { name: 'list_visibility', text }, values, false);
  return rows.map((row) => ({
    runId: row.run_id,
    workflowId: row.workflow_id,
    type: row.type,
    status: row.status,
    startedAt: row.started_at,
    closedAt: row.closed_at,
    taskQueue: row.task_queue,
    buildId: row.build_id,
    blockedCause: row.blocked_cause,
    historyLength: row.history_length,
    attributes: row.attributes ?? {},
    memo: row.memo ?? undefined,
  }));
}

export async function countVisibility(sessions: Sessions, namespaceId: string, filter: VisibilityFilter | undefined): Promise<number> {
  checkFilter(filter);
  const { text, values } = countStatement(namespaceId, filter);
  const rows = await sessions.run<{ runs: number }>('read', { name: 'count_visibility', text }, values, false);
  return rows[0]?.runs ?? 0;
}
