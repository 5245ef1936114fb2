/** A typed filter as SQL: a condition on `visibility AS v` whose values are all parameters. */
import { slotOf } from '../../core/slot.ts';
import { builtInField, type Column, type ValueType } from '../../core/visibility-fields.ts';
import type { VisibilityFilter } from '../store.ts';

interface SqlColumn {
  readonly column: string;
  readonly type: 'TEXT' | 'UUID' | 'INT4' | 'INT8';
}

const COLUMNS: Readonly<Record<Column, SqlColumn>> = {
  workflowId: { column: 'workflow_id', type: 'TEXT' },
  runId: { column: 'run_id', type: 'UUID' },
  type: { column: 'type', type: 'TEXT' },
  taskQueue: { column: 'task_queue', type: 'TEXT' },
  buildId: { column: 'build_id', type: 'TEXT' },
  blockedCause: { column: 'blocked_cause', type: 'TEXT' },
  status: { column: 'status', type: 'INT4' },
  startedAt: { column: 'started_at', type: 'INT8' },
  closedAt: { column: 'closed_at', type: 'INT8' },
  historyLength: { column: 'history_length', type: 'INT8' },
};

const OPERATORS = { '=': '=', '!=': '<>', '<': '<', '<=': '<=', '>': '>', '>=': '>=' } as const;
const JSON_TYPE: Readonly<Record<ValueType, string>> = {
  keyword: 'string',
  keywordList: 'array',
  int: 'number',
  double: 'number',
  datetime: 'number',
  bool: 'boolean',
};
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

type Compare = Extract<VisibilityFilter, { kind: 'compare' }>;

/** Values so far; the first is the namespace id. */
export interface Parameters {
  readonly namespaceId: string;
  readonly values: unknown[];
}

/** Appends a value; returns its place with a cast. */
export function parameter({ values }: Parameters, value: unknown, type: string): string {
  values.push(value);
  return `$${values.length}::${type}`;
}

/** A condition on `visibility AS v`; appends its values. */
export function compileFilter(filter: VisibilityFilter, parameters: Parameters): string {
  if (filter.kind !== 'compare') {
    if (filter.terms.length === 0) return filter.kind === 'and' ? 'true' : 'false';
    return `(${filter.terms.map((term) => compileFilter(term, parameters)).join(filter.kind === 'and' ? ' AND ' : ' OR ')})`;
  }
  const column = builtInField(filter.field)?.column;
  return column === undefined ? compileAttribute(filter, parameters) : compileColumn(filter, COLUMNS[column], parameters);
}

function like(value: unknown): string {
  return `${String(value).replace(/[\\%_]/g, '\\$&')}%`;
}

function compileColumn(filter: Compare, { column, type }: SqlColumn, parameters: Parameters): string {
  const { op, value } = filter;
  const emptyIsNull = builtInField(filter.field)?.emptyIsNull === true;
  if (op === 'isNull') return emptyIsNull ? `v.${column} = ''` : `v.${column} IS NULL`;
  if (op === 'isNotNull') return emptyIsNull ? `v.${column} <> ''` : `v.${column} IS NOT NULL`;
  if (op === 'startsWith') return `v.${column}::TEXT LIKE ${parameter(parameters, like(value), 'TEXT')}`;
  if (op === 'notStartsWith') return `v.${column}::TEXT NOT LIKE ${parameter(parameters, like(value), 'TEXT')}`;
  if (column === 'workflow_id' && op === '=') return runsOfWorkflow(String(value), parameters);
  // A run id that is none equals nothing, rather than failing the query.
  const asText = type === 'UUID' && !UUID.test(String(value));
  return `v.${column}${asText ? '::TEXT' : ''} ${OPERATORS[op]} ${parameter(parameters, value, asText ? 'TEXT' : type)}`;
}

/** Through the key of `executions`: an index on the workflow id here would cost at every start and close. */
function runsOfWorkflow(workflowId: string, parameters: Parameters): string {
  const slot = parameter(parameters, slotOf(parameters.namespaceId, workflowId), 'INT4');
  const id = parameter(parameters, workflowId, 'TEXT');
  return `v.run_id IN (SELECT x.run_id FROM executions AS x WHERE x.slot = ${slot} AND x.namespace_id = $1::UUID AND x.workflow_id = ${id})`;
}

/**
 * Equality goes by containment, which the inverted index answers; order by comparing JSON values, which no stored value
 * can make fail. Values of another type than declared count as missing.
 */
function compileAttribute(filter: Compare, parameters: Parameters): string {
  const { field, type, op, value } = filter;
  const contains = (item: unknown): string =>
    `v.attributes @> ${parameter(parameters, JSON.stringify({ [field]: type === 'keywordList' ? [item] : item }), 'JSONB')}`;
  if (op === '=') return contains(value);
  const name = parameter(parameters, field, 'TEXT');
  if (op === 'isNull') return `(v.attributes ->> ${name}) IS NULL`;
  if (op === 'isNotNull') return `(v.attributes ->> ${name}) IS NOT NULL`;
  const typed = `jsonb_typeof(v.attributes -> ${name}) = '${JSON_TYPE[type]}'`;
  if (op === 'startsWith') return `(${typed} AND (v.attributes ->> ${name}) LIKE ${parameter(parameters, like(value), 'TEXT')})`;
  if (op === 'notStartsWith') return `(${typed} AND (v.attributes ->> ${name}) NOT LIKE ${parameter(parameters, like(value), 'TEXT')})`;
  if (op === '!=') return `(${typed} AND NOT (${contains(value)}))`;
  return `(${typed} AND (v.attributes -> ${name}) ${OPERATORS[op]} ${parameter(parameters, JSON.stringify(value), 'JSONB')})`;
}

/** The value of a field as text, NULL where a run has none. */
export function compileValue(field: string, type: ValueType, parameters: Parameters): string {
  const builtIn = builtInField(field);
  if (builtIn?.column !== undefined) {
    const { column } = COLUMNS[builtIn.column];
    return builtIn.emptyIsNull === true ? `CASE WHEN v.${column} = '' THEN NULL ELSE v.${column} END` : `v.${column}::TEXT`;
  }
  const name = parameter(parameters, field, 'TEXT');
  return `CASE WHEN jsonb_typeof(v.attributes -> ${name}) = '${JSON_TYPE[type]}' THEN v.attributes ->> ${name} ELSE NULL END`;
}
