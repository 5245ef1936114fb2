// Memo and search attributes: what describe and lists show about a run.

import type { Payload, SearchAttributeValue } from '@perdure/proto/perdure/api/v1/common';
import { encodeValue } from '../common/payload-converter.ts';
import { type SearchAttribute, toSearchAttributeValue } from '../common/search-attribute.ts';
import { checkWellFormed } from '../common/text.ts';
import { type CommandRules, commandRule, type EventRules } from './rules.ts';
import { captureSite, produce, writableRun } from './run.ts';

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
  for (const [key, value] of Object.entries(memo)) {
    checkWellFormed('memo', key);
    changes[key] = encodeValue(run.converter, value, `memo ${key}`);
  }
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
  for (const [key, value] of Object.entries(attributes)) {
    checkWellFormed('search attribute', key);
    changes[key] = toSearchAttributeValue(value, `search attribute ${key}`);
  }
  for (const [key, value] of Object.entries(changes)) {
    if (value.value === undefined) delete run.searchAttributes[key];
    else run.searchAttributes[key] = value;
  }
  produce(run, { $case: 'upsertProperties', value: { memo: {}, searchAttributes: changes } }, captureSite(upsertSearchAttributes));
}
