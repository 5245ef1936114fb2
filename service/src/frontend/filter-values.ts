/** Values of a list filter, as their fields' types write them. */
import { WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import type { ValueType, VisibilityField } from '../core/visibility-fields.ts';
import { parseLength, parseTime } from '../core/written-time.ts';
import { badFilter, type Token } from './filter-text.ts';
import { isUuid } from './validate.ts';

/** Text, a truth, or a number: a status or ms since 1970. */
export type FilterValue = string | number | boolean;

/** Status by the name under which filters know it. A new status is one line. */
export const STATUSES: readonly (readonly [string, number])[] = [
  ['Running', WorkflowStatus.RUNNING],
  ['Completed', WorkflowStatus.COMPLETED],
  ['Failed', WorkflowStatus.FAILED],
  ['Canceled', WorkflowStatus.CANCELED],
  ['Terminated', WorkflowStatus.TERMINATED],
  ['TimedOut', WorkflowStatus.TIMED_OUT],
  ['Paused', WorkflowStatus.PAUSED],
  ['ContinuedAsNew', WorkflowStatus.CONTINUED_AS_NEW],
];

/** The end of the year 9999. */
const LAST_TIME = 253_402_300_799_999;
const NUMBER = /^\d+(\.\d+)?([eE]\d+)?$/;

/** Tokens from a place on, and what now means. */
export interface ValueReader {
  readonly tokens: readonly Token[];
  readonly now: number;
  next: number;
}

type Read = (reader: ValueReader, token: Token) => FilterValue;

const READ: Readonly<Record<ValueType | 'status' | 'uuid', Read>> = {
  keyword: readText,
  keywordList: readText,
  int: (reader, token) => {
    const value = readNumber(reader, token, 'a whole number');
    if (!Number.isSafeInteger(value)) throw badFilter(token, 'a whole number of at most 2^53 - 1 either side of 0');
    return value;
  },
  double: (reader, token) => readNumber(reader, token, 'a number'),
  bool: (reader, token) => {
    const word = token.kind === 'word' ? token.value.toLowerCase() : '';
    if (word !== 'true' && word !== 'false') throw badFilter(token, 'true or false');
    reader.next += 1;
    return word === 'true';
  },
  datetime: readTime,
  status: (reader, token) => {
    const wanted = token.value.toLowerCase().replaceAll('_', '');
    const status = token.kind === 'text' ? STATUSES.find(([name]) => name.toLowerCase() === wanted) : undefined;
    if (status === undefined) throw badFilter(token, `one of ${STATUSES.map(([name]) => `'${name}'`).join(', ')}`);
    reader.next += 1;
    return status[1];
  },
  uuid: (reader, token) => {
    const id = readText(reader, token).toLowerCase();
    if (!isUuid(id)) throw badFilter(token, 'a run id (UUID)');
    return id;
  },
};

/** Reads one value of a field. */
export function readValue(field: VisibilityField, reader: ValueReader): FilterValue {
  return READ[field.written ?? field.type](reader, reader.tokens[reader.next] as Token);
}

function readText(reader: ValueReader, token: Token): string {
  if (token.kind !== 'text') throw badFilter(token, 'text in quotes');
  reader.next += 1;
  return token.value;
}

function readNumber(reader: ValueReader, token: Token, expected: string): number {
  const sign = token.kind === 'symbol' && (token.value === '-' || token.value === '+') ? token.value : '';
  const digits = sign === '' ? token : (reader.tokens[reader.next + 1] as Token);
  const value = digits.kind === 'word' && NUMBER.test(digits.value) ? Number(`${sign}${digits.value}`) : Number.NaN;
  if (!Number.isFinite(value)) throw badFilter(digits, expected);
  reader.next += sign === '' ? 1 : 2;
  // There is no negative zero in JSON.
  return value === 0 ? 0 : value;
}

/** A time in quotes, or now, now() and an offset. */
function readTime(reader: ValueReader, token: Token): number {
  const at = (offset: number): Token => reader.tokens[reader.next + offset] as Token;
  if (token.kind === 'text') {
    const value = parseTime(token.value);
    if (value === undefined) throw badFilter(token, "an RFC 3339 time such as '2026-01-31T12:00:00Z'");
    reader.next += 1;
    return withinTime(value);
  }
  if (token.kind !== 'word' || token.value.toLowerCase() !== 'now') throw badFilter(token, 'a time in quotes, or now, for example now-1h');
  reader.next += 1;
  if (at(0).kind === 'symbol' && at(0).value === '(') {
    if (at(1).kind !== 'symbol' || at(1).value !== ')') throw badFilter(at(1), '")" of now()');
    reader.next += 2;
  }
  const sign = at(0);
  if (sign.kind !== 'symbol' || (sign.value !== '-' && sign.value !== '+')) return reader.now;
  const length = at(1);
  const ms = length.kind === 'word' ? parseLength(length.value) : undefined;
  if (ms === undefined) throw badFilter(length, 'a length of time such as 30s, 5m, 1h, 7d or 2w');
  reader.next += 2;
  return withinTime(sign.value === '-' ? reader.now - ms : reader.now + ms);
}

/** No run starts before 1970 or after 9999, so nothing is lost, and every database takes the value. */
function withinTime(ms: number): number {
  return Math.min(Math.max(ms, 0), LAST_TIME);
}
