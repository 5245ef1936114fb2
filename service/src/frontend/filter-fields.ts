/** The fields a list filter may name: the built-in ones and the search attributes of the namespace. */
import { builtInFieldInAnyCase, type Comparison, FIELDS, type ValueType, type VisibilityField } from '../core/visibility-fields.ts';
import type { VisibilityFilter } from '../store/store.ts';
import { badFilter, type Token } from './filter-text.ts';
import type { FilterValue } from './filter-values.ts';

export const OPERATORS = ['=', '!=', '<=', '>=', '<', '>', 'STARTS_WITH'] as const;
export type Operator = (typeof OPERATORS)[number];

/** The declared search attributes by name. */
export type Declared = Readonly<Record<string, ValueType>>;

const EQUAL: readonly Operator[] = ['=', '!='];
const TEXT: readonly Operator[] = ['=', '!=', 'STARTS_WITH'];
const ORDERED: readonly Operator[] = ['=', '!=', '<', '<=', '>', '>='];
const OF_TYPE: Readonly<Record<ValueType, readonly Operator[]>> = {
  keyword: TEXT,
  keywordList: EQUAL,
  int: ORDERED,
  double: ORDERED,
  bool: EQUAL,
  datetime: ORDERED,
};
const OPPOSITE: Readonly<Record<Operator | 'IS NULL', Comparison>> = {
  '=': '!=',
  '!=': '=',
  '<': '>=',
  '>=': '<',
  '>': '<=',
  '<=': '>',
  STARTS_WITH: 'notStartsWith',
  'IS NULL': 'isNotNull',
};

/** What a field of this name is; undefined when there is none. Built-in names go in any case. */
export function findField(name: string, declared: Declared): VisibilityField | undefined {
  const builtIn = builtInFieldInAnyCase(name);
  if (builtIn !== undefined) return builtIn;
  const type = Object.hasOwn(declared, name) ? declared[name] : undefined;
  return type === undefined ? undefined : { name, type };
}

/** The field a token names. Throws BAD_FILTER listing the fields. */
export function fieldNamed(token: Token, declared: Declared, expected = 'NOT, "(" or '): VisibilityField {
  const found = token.kind === 'word' ? findField(token.value, declared) : undefined;
  if (found === undefined) throw badFilter(token, `${expected}one of ${fieldNames(declared)}`);
  return found;
}

/** All that there are, search attributes last. */
export function fieldNames(declared: Declared): string {
  const attributes = Object.keys(declared).sort();
  const more = attributes.length > 20 ? ` and ${attributes.length - 20} more search attributes` : '';
  return `${[...FIELDS.map((field) => field.name), ...attributes.slice(0, 20)].join(', ')}${more}`;
}

/** What may stand between the field and its value. */
export function operatorsOf(field: VisibilityField): readonly Operator[] {
  return field.written === undefined ? OF_TYPE[field.type] : EQUAL;
}

/** One comparison. NOT is worked into it. */
export function comparison(field: VisibilityField, op: Operator | 'IS NULL', value: FilterValue, negated: boolean): VisibilityFilter {
  const plain: Comparison = op === 'STARTS_WITH' ? 'startsWith' : op === 'IS NULL' ? 'isNull' : op;
  return { kind: 'compare', field: field.name, type: field.type, op: negated ? OPPOSITE[op] : plain, value };
}
