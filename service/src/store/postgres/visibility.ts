/** Lists and counts of runs. A typed filter becomes SQL whose values are all parameters. */
import type { ValueType } from '../../core/visibility-fields.ts';
import { checkFilter } from '../checks.ts';
import { sortGroups } from '../groups.ts';
import type { VisibilityEntry, VisibilityFilter, VisibilityGroup, VisibilityQuery } from '../store.ts';
import { compileFilter, compileValue, type Parameters, parameter } from './filter.ts';
import type { Sessions } from './sessions.ts';

export interface Compiled {
  readonly text: string;
  readonly values: unknown[];
}

/** The rows of a namespace that pass; the namespace id is the first parameter. */
function rowsOf(namespaceId: string, filter: VisibilityFilter | undefined): { parameters: Parameters; condition: string } {
  const parameters: Parameters = { namespaceId, values: [namespaceId] };
  const condition = filter === undefined ? '' : ` AND ${compileFilter(filter, parameters)}`;
  return { parameters, condition: `v.namespace_id = $1::UUID${condition}` };
}

/** The statement of a list, and its values. Keyset on (start, run id), both in the direction of the order. */
export function listStatement(query: VisibilityQuery): Compiled {
  const { parameters, condition } = rowsOf(query.namespaceId, query.filter);
  const [direction, beyond] = query.order === 'oldestFirst' ? ['ASC', '>'] : ['DESC', '<'];
  const { after } = query;
  const place =
    after === undefined
      ? ''
      : ` AND (v.started_at, v.run_id) ${beyond} (${parameter(parameters, after.startedAt, 'INT8')}, ${parameter(parameters, after.runId, 'UUID')})`;
  const text = `SELECT v.run_id, v.workflow_id, v.type, v.status, v.started_at, v.closed_at, v.task_queue, v.build_id,
      v.blocked_cause, v.history_length, v.attributes, v.memo
    FROM visibility AS v WHERE ${condition}${place}
    ORDER BY v.started_at ${direction}, v.run_id ${direction} LIMIT ${parameter(parameters, query.limit, 'INT8')}`;
  return { text, values: parameters.values };
}

/** The statement of a count, and its values. */
export function countStatement(namespaceId: string, filter: VisibilityFilter | undefined): Compiled {
  const { parameters, condition } = rowsOf(namespaceId, filter);
  return { text: `SELECT count(*) AS runs FROM visibility AS v WHERE ${condition}`, values: parameters.values };
}

/** The statement of a count by groups, and its values. */
export function groupStatement(
  namespaceId: string,
  filter: VisibilityFilter | undefined,
  by: { readonly field: string; readonly type: ValueType },
  limit: number,
): Compiled {
  const { parameters, condition } = rowsOf(namespaceId, filter);
  const value = compileValue(by.field, by.type, parameters);
  const text = `SELECT g.value, count(*) AS runs FROM (SELECT ${value} AS value FROM visibility AS v WHERE ${condition}) AS g
    GROUP BY g.value ORDER BY count(*) DESC, g.value LIMIT ${parameter(parameters, limit, 'INT8')}`;
  return { text, values: parameters.values };
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

export async function groupVisibility(
  sessions: Sessions,
  namespaceId: string,
  filter: VisibilityFilter | undefined,
  by: { readonly field: string; readonly type: ValueType },
  limit: number,
): Promise<VisibilityGroup[]> {
  checkFilter(filter);
  const { text, values } = groupStatement(namespaceId, filter, by, limit);
  const rows = await sessions.run<{ value: string | null; runs: number }>('read', { name: 'group_visibility', text }, values, false);
  return sortGroups(rows.map(({ value, runs }) => ({ value: value === null ? null : plainOf(value, by.type), count: runs })));
}

function plainOf(text: string, type: ValueType): string | number | boolean {
  if (type === 'bool') return text === 'true';
  return type === 'int' ? Number(text) : text;
}
