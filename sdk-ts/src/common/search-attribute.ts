/** Search attributes as users write them and as the protocol carries them. No Node imports: also runs in the sandbox. */
import type { SearchAttributeValue } from '@perdure/proto/perdure/api/v1/common';
import { checkWellFormed } from './text.ts';

/** Text is a keyword, text in a list a keyword list, a Date a datetime; whole numbers are int, others double. */
export type SearchAttribute = string | readonly string[] | number | bigint | boolean | Date;

/** The protocol's form; undefined is "remove". Throws TypeError naming `field`. */
export function toSearchAttributeValue(value: SearchAttribute | undefined, field: string): SearchAttributeValue {
  if (value === undefined) return { value: undefined };
  if (typeof value === 'string') {
    checkWellFormed(field, value);
    return { value: { $case: 'keyword', value } };
  }
  if (typeof value === 'boolean') return { value: { $case: 'bool', value } };
  if (typeof value === 'bigint') return { value: { $case: 'int', value } };
  if (typeof value === 'number' && Number.isSafeInteger(value)) return { value: { $case: 'int', value: BigInt(value) } };
  if (typeof value === 'number' && Number.isFinite(value)) return { value: { $case: 'double', value } };
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
    for (const item of value) checkWellFormed(field, item);
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
    case 'keyword':
    case 'double':
    case 'bool':
      return value.value;
  }
}
