/**
 * The filter of lists and counts. Grammar:
 *
 *   filter     = [ or ] [ ORDER BY StartTime [ ASC | DESC ] ]
 *   or         = and { OR and }
 *   and        = term { AND term }
 *   term       = NOT term | "(" or ")" | comparison
 *   comparison = field ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value | field [ NOT ] STARTS_WITH value
 *              | field [ NOT ] IN "(" value { "," value } ")" | field [ NOT ] BETWEEN value AND value | field IS [ NOT ] NULL
 *   value      = quoted text | number | true | false | now [ "()" ] [ ( "+" | "-" ) length ]     (length: 30s, 5m, 1h, 7d, 2w)
 *
 * NOT is worked into the comparisons while reading, so the outcome has none. Values stay values: no SQL text is made here.
 */
import { MAX_FILTER_BYTES, MAX_FILTER_DEPTH, MAX_FILTER_TERMS } from '../core/limits.ts';
import type { VisibilityField } from '../core/visibility-fields.ts';
import { tooLarge } from '../errors.ts';
import type { VisibilityFilter, VisibilityOrder } from '../store/store.ts';
import { comparison, type Declared, fieldNamed, OPERATORS, type Operator, operatorsOf } from './filter-fields.ts';
import { badFilter, badFilterAt, pointAt, type Token, tokensOf } from './filter-text.ts';
import { type FilterValue, readValue } from './filter-values.ts';

/** Where the reading stands. */
interface Reader {
  readonly tokens: readonly Token[];
  readonly now: number;
  readonly declared: Declared;
  next: number;
  depth: number;
  terms: number;
}

export interface ParsedFilter {
  readonly filter: VisibilityFilter | undefined;
  /** Undefined: none was written. */
  readonly order: VisibilityOrder | undefined;
}

/**
 * Reads a filter; its parts are undefined when they are not there. `now` in ms since 1970. Throws BAD_FILTER with the place
 * and what was expected.
 */
export function parseFilter(text: string, now: number, declared: Declared = {}): ParsedFilter {
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_FILTER_BYTES) throw tooLarge('filter', bytes, MAX_FILTER_BYTES);
  try {
    const reader: Reader = { tokens: tokensOf(text), now, declared, next: 0, depth: 0, terms: 0 };
    const empty = peek(reader).kind === 'end' || isWord(peek(reader), 'ORDER');
    const filter = empty ? undefined : readOr(reader, false);
    const order = readOrder(reader);
    const rest = peek(reader);
    if (rest.kind !== 'end') throw badFilter(rest, order === undefined ? 'AND, OR, ORDER BY or the end' : 'the end');
    return { filter, order };
  } catch (error) {
    throw pointAt(text, error);
  }
}

/** Lists go by an index: an order without one would read and sort every run at every page. */
function readOrder(reader: Reader): VisibilityOrder | undefined {
  if (!takeWord(reader, 'ORDER')) return undefined;
  const by = peek(reader);
  if (!takeWord(reader, 'BY')) throw badFilter(by, 'BY');
  const token = peek(reader);
  const field = fieldNamed(token, reader.declared, '');
  if (field.name !== 'StartTime') throw badFilterAt(token.at, `lists can be ordered by StartTime only, not by ${field.name}`);
  reader.next += 1;
  if (takeWord(reader, 'ASC')) return 'oldestFirst';
  takeWord(reader, 'DESC');
  return 'newestFirst';
}

function readOr(reader: Reader, negated: boolean): VisibilityFilter {
  const terms = [readAnd(reader, negated)];
  while (takeWord(reader, 'OR')) terms.push(readAnd(reader, negated));
  return joined(negated ? 'and' : 'or', terms);
}

function readAnd(reader: Reader, negated: boolean): VisibilityFilter {
  const terms = [readTerm(reader, negated)];
  while (takeWord(reader, 'AND')) terms.push(readTerm(reader, negated));
  return joined(negated ? 'or' : 'and', terms);
}

function readTerm(reader: Reader, negated: boolean): VisibilityFilter {
  const token = peek(reader);
  const nests = isWord(token, 'NOT') || isSymbol(token, '(');
  if (!nests) return readComparison(reader, negated);
  reader.depth++;
  if (reader.depth > MAX_FILTER_DEPTH) throw badFilter(token, `at most ${MAX_FILTER_DEPTH} levels of parentheses and NOT`);
  reader.next++;
  const inner = isWord(token, 'NOT') ? readTerm(reader, !negated) : readOr(reader, negated);
  if (isSymbol(token, '(')) takeSymbol(reader, ')');
  reader.depth--;
  return inner;
}

function readComparison(reader: Reader, negated: boolean): VisibilityFilter {
  const field = fieldNamed(peek(reader), reader.declared);
  reader.next++;
  if (isWord(peek(reader), 'IS')) return readIsNull(reader, field, negated);
  const not = takeWord(reader, 'NOT') ? !negated : negated;
  const operator = peek(reader);
  if (isWord(operator, 'IN')) return readIn(reader, field, not);
  if (isWord(operator, 'BETWEEN')) return readBetween(reader, field, not);
  const allowed = operatorsOf(field);
  const found = OPERATORS.find((one) => (one === 'STARTS_WITH' ? isWord(operator, one) : isSymbol(operator, one)));
  if (not !== negated && (found !== 'STARTS_WITH' || !allowed.includes(found))) {
    throw badFilter(operator, allowed.includes('STARTS_WITH') ? 'IN or STARTS_WITH' : allowed.includes('<') ? 'IN or BETWEEN' : 'IN');
  }
  if (found === undefined || !allowed.includes(found)) throw badFilter(operator, operatorList(field));
  reader.next++;
  return compare(reader, field, found, readValue(field, reader), not, operator);
}

function operatorList(field: VisibilityField): string {
  const allowed = operatorsOf(field);
  const others = allowed.includes('<') ? ', IN, BETWEEN or IS NULL' : ', IN or IS NULL';
  return `one of ${allowed.join(' ')}${others} after ${field.name}`;
}

function readIsNull(reader: Reader, field: VisibilityField, negated: boolean): VisibilityFilter {
  const operator = peek(reader);
  reader.next++;
  const not = takeWord(reader, 'NOT') ? !negated : negated;
  if (!takeWord(reader, 'NULL')) throw badFilter(peek(reader), not === negated ? 'NULL or NOT NULL' : 'NULL');
  return compare(reader, field, 'IS NULL', '', not, operator);
}

function readIn(reader: Reader, field: VisibilityField, negated: boolean): VisibilityFilter {
  const operator = peek(reader);
  reader.next++;
  takeSymbol(reader, '(');
  const terms: VisibilityFilter[] = [];
  do terms.push(compare(reader, field, '=', readValue(field, reader), negated, operator));
  while (isSymbol(peek(reader), ',') && reader.next++ >= 0);
  takeSymbol(reader, ')');
  return joined(negated ? 'and' : 'or', terms);
}

function readBetween(reader: Reader, field: VisibilityField, negated: boolean): VisibilityFilter {
  const operator = peek(reader);
  if (!operatorsOf(field).includes('<')) throw badFilter(operator, operatorList(field));
  reader.next++;
  const low = compare(reader, field, '>=', readValue(field, reader), negated, operator);
  const and = peek(reader);
  if (!takeWord(reader, 'AND')) throw badFilter(and, 'AND and the upper bound');
  const high = compare(reader, field, '<=', readValue(field, reader), negated, operator);
  return joined(negated ? 'or' : 'and', [low, high]);
}

function compare(
  reader: Reader,
  field: VisibilityField,
  op: Operator | 'IS NULL',
  wanted: FilterValue,
  negated: boolean,
  at: Token,
): VisibilityFilter {
  reader.terms++;
  if (reader.terms > MAX_FILTER_TERMS) throw badFilter(at, `at most ${MAX_FILTER_TERMS} comparisons`);
  return comparison(field, op, wanted, negated);
}

function joined(kind: 'and' | 'or', terms: VisibilityFilter[]): VisibilityFilter {
  const [first] = terms;
  return terms.length === 1 && first !== undefined ? first : { kind, terms };
}

function peek(reader: Reader): Token {
  return reader.tokens[reader.next] as Token;
}

function isWord(token: Token, word: string): boolean {
  return token.kind === 'word' && token.value.toUpperCase() === word;
}

function isSymbol(token: Token, symbol: string): boolean {
  return token.kind === 'symbol' && token.value === symbol;
}

function takeWord(reader: Reader, word: string): boolean {
  const found = isWord(peek(reader), word);
  if (found) reader.next++;
  return found;
}

function takeSymbol(reader: Reader, symbol: string): void {
  const token = peek(reader);
  if (!isSymbol(token, symbol)) throw badFilter(token, `"${symbol}"`);
  reader.next++;
}
