/** Memo and search attributes of a run: what an upsert leaves, and what it may. */
import { type Payload, SearchAttributeValue } from '@perdure/proto/perdure/api/v1/common';
import { PerdureError } from '../errors.ts';
import { encode } from './encode.ts';
import { MAX_MEMO_BYTES, MAX_SEARCH_ATTRIBUTES, MAX_SEARCH_ATTRIBUTES_BYTES } from './limits.ts';

/** Encoding of a payload that removes its key. */
export const REMOVED = 'binary/null';

type Memo = Record<string, Payload>;
type SearchAttributes = Record<string, SearchAttributeValue>;

/** A new memo: the old one with `changes`. */
export function mergeMemo(memo: Memo, changes: Memo): Memo {
  const merged = { ...memo, ...changes };
  for (const [key, payload] of Object.entries(changes)) if (payload.encoding === REMOVED) delete merged[key];
  return merged;
}

/** New search attributes: the old ones with `changes`. */
export function mergeSearchAttributes(attributes: SearchAttributes, changes: SearchAttributes): SearchAttributes {
  const merged = { ...attributes, ...changes };
  for (const [key, attribute] of Object.entries(changes)) if (attribute.value === undefined) delete merged[key];
  return merged;
}

/** Holds what the run would have in all to the limits; one upsert alone was held to them by the frontend. Throws BAD_COMMAND. */
export function checkProperties(memo: Memo, attributes: SearchAttributes, command = 'upsertProperties'): void {
  const memoBytes = Object.entries(memo).reduce((sum, [key, payload]) => sum + Buffer.byteLength(key) + payload.data.length, 0);
  hold('memo', memoBytes, MAX_MEMO_BYTES, 'bytes', command);
  const entries = Object.entries(attributes);
  hold('search_attributes', entries.length, MAX_SEARCH_ATTRIBUTES, 'keys', command);
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + encode(SearchAttributeValue, value).length, 0);
  hold('search_attributes', bytes, MAX_SEARCH_ATTRIBUTES_BYTES, 'bytes', command);
}

function hold(field: string, size: number, limit: number, unit: string, command: string): void {
  if (size <= limit) return;
  const metadata = { field, size: String(size), limit: String(limit) };
  throw new PerdureError('BAD_COMMAND', `${command}.${field}: ${size} ${unit} in all, the limit is ${limit}`, metadata);
}
