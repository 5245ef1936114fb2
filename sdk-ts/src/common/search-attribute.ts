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

interface SearchAttributeValues {
  keyword: string;
  keywordList: readonly string[];
  int: number | bigint;
  double: number;
  bool: boolean;
  datetime: Date;
}

/** Names of types, as namespaces declare them. */
export type SearchAttributeTypeName = keyof SearchAttributeValues;

/** A search attribute of the namespace with the type of its values. */
export interface SearchAttributeKey<T extends SearchAttributeTypeName> {
  readonly name: string;
  readonly type: T;
  /** For `searchAttributes` of a start and for upsertSearchAttributes: `{ ...Customer.is('c-7'), ...Amount.is(3) }`. */
  is(value: SearchAttributeValues[T]): Record<string, SearchAttribute>;
  /** For upsertSearchAttributes: takes the attribute from the run. */
  none(): Record<string, undefined>;
  /** Its value among those of a run; undefined when the run has none, or one of another type. */
  of(attributes: Readonly<Record<string, SearchAttribute | undefined>>): SearchAttributeValues[T] | undefined;
}

const IS_OF_TYPE: Readonly<Record<SearchAttributeTypeName, (value: unknown) => boolean>> = {
  keyword: (value) => typeof value === 'string',
  keywordList: Array.isArray,
  int: (value) => typeof value === 'bigint' || Number.isSafeInteger(value),
  double: (value) => typeof value === 'number',
  bool: (value) => typeof value === 'boolean',
  datetime: (value) => value instanceof Date,
};

/** Names a search attribute that the namespace declares. No call is made; values of another type throw TypeError. */
export function defineSearchAttribute<T extends SearchAttributeTypeName>(name: string, type: T): SearchAttributeKey<T> {
  if (IS_OF_TYPE[type] === undefined) throw new TypeError(`type: "${type}" is not one of ${Object.keys(IS_OF_TYPE).join(', ')}`);
  return {
    name,
    type,
    is: (value) => {
      if (!IS_OF_TYPE[type](value)) throw new TypeError(`search attribute ${name}: expected a value of type ${type}`);
      return { [name]: value as SearchAttribute };
    },
    none: () => ({ [name]: undefined }),
    of: (attributes) => (IS_OF_TYPE[type](attributes[name]) ? (attributes[name] as SearchAttributeValues[T]) : undefined),
  };
}
