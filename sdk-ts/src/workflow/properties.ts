// Memo and search attributes: what describe and lists show about a run.

import type { Payload, SearchAttributeValue } from '@perdure/proto/perdure/api/v1/common';
import { encodeValue } from '../common/payload-converter.ts';
import { type CommandRules, commandRule, type EventRules } from './rules.ts';
import { captureSite, produce, writableRun } from './run.ts';

/** Text is a keyword, text in a list a keyword list, a Date a datetime; whole numbers are int, others double. */
export type SearchAttribute = string | readonly string[] | number | bigint | boolean | Date;

export const propertyEvents: Pick<EventRules, 'workflowPropertiesUpserted'> = {
  workflowPropertiesUpserted: { role: 'command', completedEventId: (value) => value.completedEventId },
};

const keysOf = (value: { memo: Record<string, unknown>; searchAttributes: Record<string, unknown> }): string =>
  [...Object.keys(value.memo), ...Object.keys(value.searchAttributes)].sort().join(', ');

export const propertyCommands: Pick<CommandRules, 'upsertProperties'> = {
  upsertProperties: commandRule('upsertProperties', {
    event: 'workflowPropertiesUpserted',
    produced: (value) => `upsert ${keysOf(value)}`,
    recorded: (value) => `upsert ${keysOf(value)}`,
    same: (produced, recorded) => keysOf(produced) === keysOf(recorded),
  }),
};

/** Changes the memo: any serializable values; undefined removes a key. */
export function upsertMemo(memo: Readonly<Record<string, unknown>>): void {
  const run = writableRun('upsertMemo');
  const changes: Record<string, Payload> = {};
  for (const [key, value] of Object.entries(memo)) changes[key] = encodeValue(run.converter, value, `memo ${key}`);
  for (const [key, value] of Object.entries(memo)) {
    if (value === undefined) run.memo.delete(key);
    else run.memo.set(key, changes[key] as Payload);
  }
  produce(run, { $case: 'upsertProperties', value: { memo: changes, searchAttributes: {} } }, captureSite(upsertMemo));
}

/** Changes search attributes; undefined removes a key. The service refuses keys and types the namespace does not declare. */
export function upsertSearchAttributes(attributes: Readonly<Record<string, SearchAttribute | undefined>>): void {
  const run = writableRun('upsertSearchAttributes');
  const changes: Record<string, SearchAttributeValue> = {};
  for (const [key, value] of Object.entries(attributes)) changes[key] = toSearchAttributeValue(value, `search attribute ${key}`);
  for (const [key, value] of Object.entries(changes)) {
    if (value.value === undefined) delete run.searchAttributes[key];
    else run.searchAttributes[key] = value;
  }
  produce(run, { $case: 'upsertProperties', value: { memo: {}, searchAttributes: changes } }, captureSite(upsertSearchAttributes));
}

/** The protocol's form; undefined is "remove". Throws TypeError naming `field`. */
export function toSearchAttributeValue(value: SearchAttribute | undefined, field: string): SearchAttributeValue {
  if (value === undefined) return { value: undefined };
  if (typeof value === 'string') return { value: { $case: 'keyword', value } };
  if (typeof value === 'boolean') return { value: { $case: 'bool', value } };
  if (typeof value === 'bigint') return { value: { $case: 'int', value } };
  if (typeof value === 'number' && Number.isSafeInteger(value)) return { value: { $case: 'int', value: BigInt(value) } };
  if (typeof value === 'number' && Number.isFinite(value)) return { value: { $case: 'double', value } };
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
    return { value: { $case: 'keywordList', value: { values: [...value] } } };
  }
  if (value instanceof Date && !Number.isNaN(value.getTime())) return { value: { $case: 'datetime', value: value.toISOString() } };
  throw new TypeError(`${field}: expected text, a list of text, a finite number, a bigint, a boolean or a valid Date`);
}

/** A user's form of a stored value; whole numbers that fit are numbers. */
export function fromSearchAttributeValue(attribute: SearchAttributeValue): SearchAttribute | undefined {
  const { value } = attribute;
  if (value === undefined) return undefined;
  switch (value.$case) {
    case 'keywordList':
      return value.value.values;
    case 'int':
      return Number.isSafeInteger(Number(value.value)) ? Number(value.value) : value.value;
    case 'datetime':
      return new Date(value.value);
    default:
      return value.value;
  }
}
