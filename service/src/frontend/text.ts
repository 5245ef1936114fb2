/**
 * Every string of a request must be storable: well-formed UTF-16 without U+0000, which no database text holds. One walk
 * over the whole message checks all of them, also those added to the protocol later, and weighs the message on the way.
 */
import { badField } from '../errors.ts';

/** Fields that are maps: their keys are text of the caller. A test compares the list with the .proto files. */
export const MAP_FIELDS: ReadonlySet<string> = new Set([
  'memo',
  'searchAttributes',
  'text',
  'fields',
  'metadata',
  'variables',
  'limits',
  'labels',
]);

/** Bytes of all text and data of a message. Throws BAD_FIELD naming the field that cannot be stored; `prefix` goes before its path. */
export function checkText(message: unknown, prefix = ''): number {
  const bytes = weigh(message);
  if (!Number.isNaN(bytes)) return bytes;
  const bad = findBadText(message, prefix) ?? { path: prefix, problem: 'cannot be stored' };
  throw badField(bad.path, bad.problem);
}

/** Bytes of all text and data of a message; NaN when it holds text that cannot be stored. */
export function weigh(value: unknown): number {
  if (typeof value === 'string') return weighText(value);
  if (typeof value !== 'object' || value === null) return 0;
  if (value instanceof Uint8Array) return value.length;
  let bytes = 0;
  if (Array.isArray(value)) {
    for (const item of value) bytes += weigh(item);
    return bytes;
  }
  // Decoded messages inherit no fields, and no list of keys has to be made.
  for (const key in value) {
    const field = (value as Record<string, unknown>)[key];
    if (typeof field === 'object' && MAP_FIELDS.has(key)) bytes += weighMap(field);
    else if (key !== '$case') bytes += weigh(field);
  }
  return bytes;
}

/** Most texts are short and ASCII: looking at them here costs less than to ask the platform three times. */
function weighText(text: string): number {
  if (text.length <= 64) {
    let at = 0;
    while (at < text.length && isPlain(text.charCodeAt(at))) at += 1;
    if (at === text.length) return at;
  }
  return isStorable(text) ? Buffer.byteLength(text) : Number.NaN;
}

function isPlain(code: number): boolean {
  return code > 0 && code < 0x80;
}

/** Where the bad text is, and what is wrong with it. */
export function findBadText(value: unknown, path: string): { path: string; problem: string } | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : { path, problem: problemOf(value) };
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return undefined;
  if (Array.isArray(value)) return firstFound(value.map((item, index) => [`${path}[${index}]`, item]));
  const entries: [string, unknown][] = [];
  for (const [key, field] of Object.entries(value)) {
    const inner = key === '$case' ? undefined : join(path, nameOf(key, value));
    if (inner === undefined) continue;
    if (typeof field !== 'object' || field === null || !MAP_FIELDS.has(key)) {
      entries.push([inner, field]);
      continue;
    }
    const problem = mapProblem(field);
    if (problem !== undefined) return { path: `${inner}${problem.key}`, problem: problem.text };
    for (const [name, item] of Object.entries(field)) entries.push([`${inner}[${JSON.stringify(name)}]`, item]);
  }
  return firstFound(entries);
}

/** Field names as in the .proto files, which every language shares. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function firstFound(entries: readonly [string, unknown][]): { path: string; problem: string } | undefined {
  for (const [path, value] of entries) {
    const found = findBadText(value, path);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The value of a oneof stands under the name of its case, as in the protocol. */
function nameOf(key: string, owner: object): string {
  const chosen = key === 'value' ? (owner as { $case?: string }).$case : undefined;
  return snakeCase(chosen ?? key);
}

function join(path: string, name: string): string {
  // The field of a oneof itself has no name in the protocol.
  if (ONEOFS.has(name)) return path;
  return path === '' ? name : `${path}.${name}`;
}

const ONEOFS = new Set(['attributes', 'outcome', 'info', 'marker', 'value', 'point']);

function weighMap(map: object | null): number {
  if (map === null) return 0;
  if (mapProblem(map) !== undefined) return Number.NaN;
  let bytes = 0;
  for (const [key, value] of Object.entries(map)) bytes += Buffer.byteLength(key) + weigh(value);
  return bytes;
}

function mapProblem(map: object): { key: string; text: string } | undefined {
  const prototype = Object.getPrototypeOf(map);
  // The decoder stores this key as the prototype, so its value would silently be lost.
  if (prototype !== Object.prototype && prototype !== null) return { key: '["__proto__"]', text: 'this key is not allowed' };
  for (const key of Object.keys(map)) {
    if (!isStorable(key)) return { key: `[${JSON.stringify(key)}]`, text: `the key ${problemOf(key)}` };
  }
  return undefined;
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

function problemOf(text: string): string {
  return text.includes('\0') ? 'holds the character U+0000' : 'holds half of a surrogate pair';
}
