/** The words of a list filter, with their places. */
import { PerdureError } from '../errors.ts';

/** `text` is a quoted string without its quotes. */
export interface Token {
  readonly kind: 'word' | 'text' | 'symbol' | 'end';
  readonly value: string;
  /** Offset of its first character. */
  readonly at: number;
}

const TOKEN = /\s*(?:([\p{L}\p{N}_.]+)|'((?:[^']|'')*)'|"((?:[^"]|"")*)"|(<=|>=|!=|<>|[=<>(),+-]))/uy;
/** Characters of the filter shown on each side of what is wrong. */
const SHOWN = 60;

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

/** A refusal in other words. */
export function badFilterAt(at: number, problem: string): PerdureError {
  return new PerdureError('BAD_FILTER', `filter, character ${at + 1}: ${problem}`, { field: 'filter', position: String(at + 1) });
}

/** Shows the place below the message, in the line it is in, with a caret under it. */
export function pointAt(filter: string, error: unknown): unknown {
  if (!(error instanceof PerdureError) || error.reason !== 'BAD_FILTER') return error;
  const at = Number(error.metadata.position) - 1;
  const lineStart = filter.lastIndexOf('\n', at - 1) + 1;
  const nextLine = filter.indexOf('\n', at);
  const from = Math.max(lineStart, at - SHOWN);
  const to = Math.min(nextLine < 0 ? filter.length : nextLine, at + SHOWN);
  const before = `${from > lineStart ? '…' : ''}${filter.slice(from, at)}`;
  const line = `${before}${filter.slice(at, to)}${to < filter.length && to !== nextLine ? '…' : ''}`;
  // Tabs stay tabs, so that the caret stands under its character.
  const caret = `${before.replace(/[^\t]/g, ' ')}^`;
  return new PerdureError('BAD_FILTER', `${error.message}\n  ${line}\n  ${caret}`, error.metadata);
}

function unreadable(filter: string, from: number): PerdureError {
  const at = from + filter.slice(from).length - filter.slice(from).trimStart().length;
  const character = String.fromCodePoint(filter.codePointAt(at) ?? 0);
  if (character === "'" || character === '"') return badFilterAt(at, 'this quote is not closed');
  return badFilterAt(at, `${JSON.stringify(character)} has no meaning here; put text into quotes`);
}
