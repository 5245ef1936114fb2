/** Search attributes: their limits, that the namespace declares them with their type, and that databases can compare each value. */
import type { SearchAttributeValue } from '@perdure/proto/perdure/api/v1/common';
import { MAX_ID_BYTES, MAX_SEARCH_ATTRIBUTE_BYTES, MAX_SEARCH_ATTRIBUTES, MAX_SEARCH_ATTRIBUTES_BYTES } from '../core/limits.ts';
import type { ValueType } from '../core/visibility-fields.ts';
import { parseTime } from '../core/written-time.ts';
import { badField, tooLarge } from '../errors.ts';
import type { NamespaceRow } from '../store/store.ts';
import { weigh } from './text.ts';
import { requireId } from './validate.ts';

type Attributes = Readonly<Record<string, SearchAttributeValue>>;
type Value = NonNullable<SearchAttributeValue['value']>;

/** True when the namespace declares every attribute. */
export function declares(namespace: NamespaceRow, { searchAttributes }: { readonly searchAttributes: Attributes }): boolean {
  for (const key in searchAttributes) if (declaredType(namespace, key) === undefined) return false;
  return true;
}

/** At most 100 keys, 2 KiB each, 40 KiB in all. `removals`: a value without a case removes the key. */
export function checkSearchAttributes(field: string, attributes: Attributes, namespace: NamespaceRow, removals: boolean): void {
  const entries = Object.entries(attributes);
  if (entries.length > MAX_SEARCH_ATTRIBUTES) throw tooLarge(field, entries.length, MAX_SEARCH_ATTRIBUTES, 'keys');
  let total = 0;
  for (const [key, { value }] of entries) {
    const path = `${field}[${JSON.stringify(key.length > MAX_ID_BYTES ? `${key.slice(0, 80)}…` : key)}]`;
    requireId(path, key);
    const bytes = Buffer.byteLength(key) + weigh(value);
    if (bytes > MAX_SEARCH_ATTRIBUTE_BYTES) throw tooLarge(path, bytes, MAX_SEARCH_ATTRIBUTE_BYTES);
    total += bytes;
    if (value !== undefined) checkValue(path, value);
    else if (!removals) throw badField(path, 'has no value');
  }
  if (total > MAX_SEARCH_ATTRIBUTES_BYTES) throw tooLarge(field, total, MAX_SEARCH_ATTRIBUTES_BYTES);
  for (const [key, { value }] of entries) checkType(field, key, value, namespace);
}

function checkValue(path: string, value: Value): void {
  if (value.$case === 'double' && !Number.isFinite(value.value)) {
    throw badField(path, `${value.value} is not a finite number`);
  } else if (value.$case === 'int' && !Number.isSafeInteger(Number(value.value))) {
    throw badField(path, `${value.value} is not within 2^53 - 1 either side of 0`);
  } else if (value.$case === 'datetime' && parseTime(value.value) === undefined) {
    throw badField(path, `${JSON.stringify(value.value)} is not an RFC 3339 time, for example 2026-01-31T12:00:00Z`);
  }
}

function declaredType({ config }: NamespaceRow, key: string): ValueType | undefined {
  return Object.hasOwn(config.searchAttributes, key) ? config.searchAttributes[key] : undefined;
}

/** Removing what is not declared does no harm: a run may have it from before. */
function checkType(field: string, key: string, value: Value | undefined, namespace: NamespaceRow): void {
  if (value === undefined) return;
  const type = declaredType(namespace, key);
  // A whole number is a number: languages without two kinds of them cannot tell.
  if (type === value.$case || (type === 'double' && value.$case === 'int')) return;
  const path = `${field}[${JSON.stringify(key)}]`;
  const facts = { namespace: namespace.name };
  if (type !== undefined) throw badField(path, `is a ${value.$case}, but declared as ${type}`, facts);
  throw badField(path, `is not declared in namespace ${JSON.stringify(namespace.name)}; declare it with UpdateNamespace`, facts);
}
