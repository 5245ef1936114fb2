/** The words of a list filter, with their places. */
import { PerdureError } from '../errors.ts';

/** `text` is a quoted string without its quotes. */
export interface Token {
  readonly kind: 'word' | 'text' | 'symbol' | 'end';
  readonly value: string;
  /** Offset of its first character. */
  readonly at: number;
}

const TOKEN = /\s*(?:([A-Za-z0-9_.]+)|'((?:[^']|'')*)'|"((?:[^"]|"")*)"|(<=|>=|!=|<>|[=<>(),+-]))/y;

/** Splits a filter. Throws BAD_FILTER naming the place. The last token has kind `end`. */
export function tokensOf(filter: string): Token[] {
  const tokens: Token[] = [];
  const end = filter.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(filter);
    if (match === null) throw unreadable(filter, from);
    const at = from + match[0].length - match[0].trimStart().length;
    const [, word, single, double, symbol] = match;
    if (word !== undefined) tokens.push({ kind: 'word', value: word, at });
    else if (single !== undefined) tokens.push({ kind: 'text', value: single.replaceAll("''", "'"), at });
    else if (double !== undefined) tokens.push({ kind: 'text', value: double.replaceAll('""', '"'), at });
    else tokens.push({ kind: 'symbol', value: symbol === '<>' ? '!=' : (symbol ?? ''), at });
  }
  tokens.push({ kind: 'end', value: '', at: filter.length });
  return tokens;
}

/** A refusal that names the place, counted from 1, and what would have been right there. */
export function badFilter(token: Token, expected: string): PerdureError {
  const found = token.kind === 'end' ? 'the end' : JSON.stringify(token.value.slice(0, 80));
  return badFilterAt(token.at, `expected ${expected}, found ${found}`);
}

function badFilterAt(at: number, problem: string): PerdureError {
  return new PerdureError('BAD_FILTER', `filter, character ${at + 1}: ${problem}`, { field: 'filter', position: String(at + 1) });
}

function unreadable(filter: string, from: number): PerdureError {
  const at = from + filter.slice(from).length - filter.slice(from).trimStart().length;
  const character = String.fromCodePoint(filter.codePointAt(at) ?? 0);
  if (character === "'" || character === '"') return badFilterAt(at, 'this quote is not closed');
  return badFilterAt(at, `${JSON.stringify(character)} has no meaning here; put text into quotes`);
}
