/** The fields a list filter may name, what they compare with, and how values of them are written. */
import { WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import type { VisibilityFilter } from '../store/store.ts';
import { badFilter, type Token } from './filter-text.ts';
import { parseLength, parseTime } from './time.ts';
import { isUuid } from './validate.ts';

export const OPERATORS = ['=', '!=', '<=', '>=', '<', '>', 'STARTS_WITH'] as const;
export type Operator = (typeof OPERATORS)[number];
/** Text, or a number: a status or ms since 1970. */
export type FilterValue = string | number;

type TextField = Extract<VisibilityFilter, { op: 'startsWith' | '=' | '!='; value: string }>['field'];

interface Common {
  readonly name: string;
  readonly operators: readonly Operator[];
}

export type FilterField =
  | (Common & { readonly kind: 'text' | 'uuid'; readonly field: TextField })
  | (Common & { readonly kind: 'status' })
  | (Common & { readonly kind: 'time'; readonly field: 'startedAt' | 'closedAt' });

const TEXT: readonly Operator[] = ['=', '!=', 'STARTS_WITH'];
const EQUAL: readonly Operator[] = ['=', '!='];
const ORDERED: readonly Operator[] = ['=', '!=', '<', '<=', '>', '>='];

const FIELDS: readonly FilterField[] = [
  { name: 'WorkflowId', kind: 'text', field: 'workflowId', operators: TEXT },
  { name: 'RunId', kind: 'uuid', field: 'runId', operators: EQUAL },
  { name: 'WorkflowType', kind: 'text', field: 'type', operators: TEXT },
  { name: 'TaskQueue', kind: 'text', field: 'taskQueue', operators: TEXT },
  { name: 'BlockedCause', kind: 'text', field: 'blockedCause', operators: TEXT },
  { name: 'Status', kind: 'status', operators: EQUAL },
  { name: 'StartTime', kind: 'time', field: 'startedAt', operators: ORDERED },
  { name: 'CloseTime', kind: 'time', field: 'closedAt', operators: ORDERED },
];

const STATUSES: readonly (readonly [string, number])[] = [
  ['Running', WorkflowStatus.RUNNING],
  ['Completed', WorkflowStatus.COMPLETED],
  ['Failed', WorkflowStatus.FAILED],
  ['Canceled', WorkflowStatus.CANCELED],
  ['Terminated', WorkflowStatus.TERMINATED],
  ['TimedOut', WorkflowStatus.TIMED_OUT],
  ['Paused', WorkflowStatus.PAUSED],
  ['ContinuedAsNew', WorkflowStatus.CONTINUED_AS_NEW],
];

const OPPOSITE = { '=': '!=', '!=': '=', '<': '>=', '>=': '<', '>': '<=', '<=': '>' } as const;

/** The end of the year 9999. */
const LAST_TIME = 253_402_300_799_999;

/** The field a token names, in any case. Throws BAD_FILTER listing the fields. */
export function fieldNamed(token: Token): FilterField {
  const found = FIELDS.find((field) => token.kind === 'word' && field.name.toLowerCase() === token.value.toLowerCase());
  if (found === undefined) throw badFilter(token, `NOT, "(" or one of ${FIELDS.map((field) => field.name).join(', ')}`);
  return found;
}

/** One comparison; undefined when it cannot be negated. */
export function comparison(field: FilterField, op: Operator, value: FilterValue, negated: boolean): VisibilityFilter | undefined {
  if (op === 'STARTS_WITH') {
    if (negated || (field.kind !== 'text' && field.kind !== 'uuid')) return undefined;
    return { kind: 'compare', field: field.field, op: 'startsWith', value: String(value) };
  }
  const effective = negated ? OPPOSITE[op] : op;
  if (field.kind === 'time') return { kind: 'compare', field: field.field, op: effective, value: Number(value) };
  if (effective !== '=' && effective !== '!=') return undefined;
  if (field.kind === 'status') return { kind: 'compare', field: 'status', op: effective, value: Number(value) };
  return { kind: 'compare', field: field.field, op: effective, value: String(value) };
}

/** Reads one value of a field from `tokens[at]` on; `next` is behind it. */
export function readValue(field: FilterField, tokens: readonly Token[], at: number, now: number): { value: FilterValue; next: number } {
  const token = tokens[at] as Token;
  if (field.kind === 'time') return readTime(tokens, at, now);
  if (token.kind !== 'text') throw badFilter(token, 'text in quotes');
  if (field.kind === 'status') {
    const wanted = token.value.toLowerCase().replaceAll('_', '');
    const status = STATUSES.find(([name]) => name.toLowerCase() === wanted);
    if (status === undefined) throw badFilter(token, `one of ${STATUSES.map(([name]) => `'${name}'`).join(', ')}`);
    return { value: status[1], next: at + 1 };
  }
  if (field.kind === 'uuid') {
    const id = token.value.toLowerCase();
    if (!isUuid(id)) throw badFilter(token, 'a run id (UUID)');
    return { value: id, next: at + 1 };
  }
  return { value: token.value, next: at + 1 };
}

function readTime(tokens: readonly Token[], at: number, now: number): { value: number; next: number } {
  const token = tokens[at] as Token;
  if (token.kind === 'text') {
    const value = parseTime(token.value);
    if (value === undefined) throw badFilter(token, "an RFC 3339 time such as '2026-01-31T12:00:00Z'");
    return { value: withinTime(value), next: at + 1 };
  }
  if (token.kind !== 'word' || token.value.toLowerCase() !== 'now')
    throw badFilter(token, 'a time in quotes or now(), for example now()-1h');
  for (const [offset, symbol] of ['(', ')'].entries()) {
    const found = tokens[at + 1 + offset] as Token;
    if (found.value !== symbol || found.kind !== 'symbol') throw badFilter(found, `"${symbol}" of now()`);
  }
  const sign = tokens[at + 3] as Token;
  if (sign.kind !== 'symbol' || (sign.value !== '-' && sign.value !== '+')) return { value: now, next: at + 3 };
  const length = tokens[at + 4] as Token;
  const ms = length.kind === 'word' ? parseLength(length.value) : undefined;
  if (ms === undefined) throw badFilter(length, 'a length of time such as 30s, 5m, 1h, 7d or 2w');
  return { value: withinTime(sign.value === '-' ? now - ms : now + ms), next: at + 5 };
}

/** No run starts before 1970 or after 9999, so nothing is lost, and every database takes the value. */
function withinTime(ms: number): number {
  return Math.min(Math.max(ms, 0), LAST_TIME);
}
