/** Search attributes: their limits, and that each value is one a database can compare. */
import type { SearchAttributeValue } from '@perdure/proto/perdure/api/v1/common';
import { MAX_ID_BYTES, MAX_SEARCH_ATTRIBUTE_BYTES, MAX_SEARCH_ATTRIBUTES, MAX_SEARCH_ATTRIBUTES_BYTES } from '../core/limits.ts';
import { badField, tooLarge } from '../errors.ts';
import { weigh } from './text.ts';
import { parseTime } from './time.ts';
import { requireId } from './validate.ts';

/** At most 100 keys, 2 KiB each, 40 KiB in all. `removals`: a value without a case removes the key. */
export function checkSearchAttributes(field: string, attributes: Readonly<Record<string, SearchAttributeValue>>, removals: boolean): void {
  const entries = Object.entries(attributes);
  if (entries.length > MAX_SEARCH_ATTRIBUTES) throw tooLarge(field, entries.length, MAX_SEARCH_ATTRIBUTES, 'keys');
  let total = 0;
  for (const [key, { value }] of entries) {
    const path = `${field}[${JSON.stringify(key.length > MAX_ID_BYTES ? `${key.slice(0, 80)}…` : key)}]`;
    requireId(path, key);
    const bytes = Buffer.byteLength(key) + weigh(value);
    if (bytes > MAX_SEARCH_ATTRIBUTE_BYTES) throw tooLarge(path, bytes, MAX_SEARCH_ATTRIBUTE_BYTES);
    total += bytes;
    checkValue(path, value, removals);
  }
  if (total > MAX_SEARCH_ATTRIBUTES_BYTES) throw tooLarge(field, total, MAX_SEARCH_ATTRIBUTES_BYTES);
}

function checkValue(path: string, value: SearchAttributeValue['value'], removals: boolean): void {
  if (value === undefined) {
    if (!removals) throw badField(path, 'has no value');
  } else if (value.$case === 'double' && !Number.isFinite(value.value)) {
    throw badField(path, `${value.value} is not a finite number`);
  } else if (value.$case === 'datetime' && parseTime(value.value) === undefined) {
    throw badField(path, `${JSON.stringify(value.value)} is not an RFC 3339 time, for example 2026-01-31T12:00:00Z`);
  }
}
