/**
 * The filter of lists and counts. Grammar:
 *
 *   filter     = and { OR and }
 *   and        = term { AND term }
 *   term       = NOT term | "(" filter ")" | comparison
 *   comparison = field ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value | field STARTS_WITH value
 *              | field [ NOT ] IN "(" value { "," value } ")" | field [ NOT ] BETWEEN value AND value
 *   value      = quoted text | now() [ ( "+" | "-" ) length ]          (length: 30s, 5m, 1h, 7d, 2w)
 *
 * NOT is worked into the comparisons while reading, so the outcome has none. Values stay values: no SQL text is made here.
 */
import { MAX_FILTER_BYTES, MAX_FILTER_DEPTH, MAX_FILTER_TERMS } from '../core/limits.ts';
import { PerdureError, tooLarge } from '../errors.ts';
import type { VisibilityFilter } from '../store/store.ts';
import { comparison, type FilterField, type FilterValue, fieldNamed, OPERATORS, type Operator, readValue } from './filter-fields.ts';
import { badFilter, type Token, tokensOf } from './filter-text.ts';

/** Where the reading stands. */
interface Reader {
  readonly tokens: readonly Token[];
  readonly now: number;
  next: number;
  depth: number;
  terms: number;
}

/** Reads a filter; undefined when it is empty. `now` in ms since 1970. Throws BAD_FILTER with the place and what was expected. */
export function parseFilter(filter: string, now: number): VisibilityFilter | undefined {
  const bytes = Buffer.byteLength(filter);
  if (bytes > MAX_FILTER_BYTES) throw tooLarge('filter', bytes, MAX_FILTER_BYTES);
  const tokens = tokensOf(filter);
  if (tokens.length === 1) return undefined;
  const reader: Reader = { tokens, now, next: 0, depth: 0, terms: 0 };
  const read = readOr(reader, false);
  const rest = peek(reader);
  if (rest.kind !== 'end') throw badFilter(rest, 'AND, OR or the end');
  return read;
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
  const token = peek(reader);
  const field = fieldNamed(token);
  reader.next++;
  const not = takeWord(reader, 'NOT') ? !negated : negated;
  const operator = peek(reader);
  if (isWord(operator, 'IN')) return readIn(reader, field, not);
  if (isWord(operator, 'BETWEEN')) return readBetween(reader, field, not);
  if (not !== negated) throw badFilter(operator, 'IN or BETWEEN');
  const found = OPERATORS.find((one) => (one === 'STARTS_WITH' ? isWord(operator, one) : isSymbol(operator, one)));
  if (found === undefined || !field.operators.includes(found)) {
    const others = field.operators.includes('<') ? ', IN or BETWEEN' : ' or IN';
    throw badFilter(operator, `one of ${field.operators.join(' ')}${others} after ${field.name}`);
  }
  reader.next++;
  return compare(reader, field, found, value(reader, field), negated, operator);
}

function readIn(reader: Reader, field: FilterField, negated: boolean): VisibilityFilter {
  const operator = peek(reader);
  reader.next++;
  takeSymbol(reader, '(');
  const terms: VisibilityFilter[] = [];
  do terms.push(compare(reader, field, '=', value(reader, field), negated, operator));
  while (isSymbol(peek(reader), ',') && reader.next++ >= 0);
  takeSymbol(reader, ')');
  return joined(negated ? 'and' : 'or', terms);
}

function readBetween(reader: Reader, field: FilterField, negated: boolean): VisibilityFilter {
  const operator = peek(reader);
  if (!field.operators.includes('<')) throw badFilter(operator, `one of ${field.operators.join(' ')} or IN after ${field.name}`);
  reader.next++;
  const low = compare(reader, field, '>=', value(reader, field), negated, operator);
  const and = peek(reader);
  if (!takeWord(reader, 'AND')) throw badFilter(and, 'AND and the upper bound');
  const high = compare(reader, field, '<=', value(reader, field), negated, operator);
  return joined(negated ? 'or' : 'and', [low, high]);
}

function compare(reader: Reader, field: FilterField, op: Operator, wanted: FilterValue, negated: boolean, at: Token): VisibilityFilter {
  reader.terms++;
  if (reader.terms > MAX_FILTER_TERMS) throw badFilter(at, `at most ${MAX_FILTER_TERMS} comparisons`);
  const made = comparison(field, op, wanted, negated);
  if (made === undefined)
    throw new PerdureError('BAD_FILTER', `filter, character ${at.at + 1}: STARTS_WITH cannot be negated`, {
      field: 'filter',
      position: String(at.at + 1),
    });
  return made;
}

function value(reader: Reader, field: FilterField): FilterValue {
  const { value: read, next } = readValue(field, reader.tokens, reader.next, reader.now);
  reader.next = next;
  return read;
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
