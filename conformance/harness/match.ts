// Whether an answer holds what a scenario expects of it. Objects match by the keys that are named; what is absent equals its default.
import { isObject, type Json, type JsonObject } from './values.ts';

/** Where and how they differ, one line each; empty when the answer is as expected. */
export function differences(expected: Json, actual: Json | undefined, path = ''): string[] {
  if (isObject(expected)) {
    const form = Object.keys(expected).find((name) => name in FORMS);
    if (form !== undefined) return FORMS[form]?.(expected[form] ?? null, actual, path) ?? [];
    if (!isObject(actual) && !(actual === undefined && Object.keys(expected).length === 0)) {
      // All that is expected may be defaults of a message that was left out.
      if (actual !== undefined) return [told(path, expected, actual)];
    }
    return Object.entries(expected).flatMap(([key, value]) =>
      differences(value, isObject(actual) ? actual[key] : undefined, path === '' ? key : `${path}.${key}`),
    );
  }
  if (Array.isArray(expected)) {
    const items: readonly Json[] = Array.isArray(actual) ? actual : [];
    if (expected.length !== items.length || (actual !== undefined && !Array.isArray(actual))) return [told(path, expected, actual)];
    return expected.flatMap((value: Json, index) => differences(value, items[index], `${path}[${index}]`));
  }
  return same(expected, actual) ? [] : [told(path, expected, actual)];
}

function told(path: string, expected: Json, actual: Json | undefined, how = ''): string {
  return `${path === '' ? 'the answer' : path}: expected ${how}${JSON.stringify(expected)}, actual ${cut(JSON.stringify(actual) ?? 'absent')}`;
}

/** Enough to see what it is; megabytes of payload help nobody. */
function cut(text: string): string {
  return text.length > 1_000 ? `${text.slice(0, 1_000)}… (${text.length} characters)` : text;
}

function isDefault(value: Json): boolean {
  return value === 0 || value === '' || value === false || value === null || value === '0' || value === '0s';
}

function same(expected: Json, actual: Json | undefined): boolean {
  if (actual === undefined) return isDefault(expected);
  if (expected === actual) return true;
  // 64-bit numbers are text in protobuf JSON.
  if (typeof expected === 'number' && typeof actual === 'string') return actual === String(expected);
  // Enums may be named without their prefix.
  return (
    typeof expected === 'string' &&
    typeof actual === 'string' &&
    /^[A-Z][A-Z_]+$/.test(expected) &&
    /^[A-Z][A-Z_]+$/.test(actual) &&
    actual.endsWith(`_${expected}`)
  );
}

type Form = (value: Json, actual: Json | undefined, path: string) => string[];

const ordered =
  (name: string, holds: (a: number, b: number) => boolean): Form =>
  (value, actual, path) =>
    holds(Number(actual ?? 0), Number(value)) ? [] : [told(path, value, actual, name)];

/** The `$` forms of expectations, by name. */
const FORMS: Record<string, Form> = {
  /** A regular expression for text. */
  $match: (value, actual, path) =>
    new RegExp(String(value)).test(typeof actual === 'string' ? actual : (JSON.stringify(actual) ?? ''))
      ? []
      : [told(path, value, actual, 'text like ')],
  /** Anything (true), or nothing (false). */
  $present: (value, actual, path) =>
    (actual !== undefined && !(typeof actual !== 'object' && isDefault(actual))) === value ? [] : [told(path, value, actual, 'presence ')],
  /** A list that holds these, in any order, among others. */
  $contains: (value, actual, path) =>
    (Array.isArray(value) ? value : [value]).flatMap((wanted: Json) =>
      Array.isArray(actual) && actual.some((item: Json) => differences(wanted, item).length === 0)
        ? []
        : [told(path, wanted, actual, 'a list with ')],
    ),
  /** Length of a list or text. */
  $length: (value, actual, path) => {
    const length = Array.isArray(actual) || typeof actual === 'string' ? actual.length : actual === undefined ? 0 : -1;
    return differences(value, length, `${path}.length`);
  },
  $not: (value, actual, path) => (differences(value, actual).length > 0 ? [] : [told(path, value, actual, 'not ')]),
  $atLeast: ordered('at least ', (a, b) => a >= b),
  $atMost: ordered('at most ', (a, b) => a <= b),
  $anyOf: (value, actual, path) =>
    (value as Json[]).some((one) => differences(one, actual).length === 0) ? [] : [told(path, value, actual, 'one of ')],
  /** This and no other key. */
  $exactly: (value, actual, path) => [
    ...differences(value, actual, path),
    ...(isObject(actual) && isObject(value) ? Object.keys(actual).filter((key) => !(key in value)) : []).map(
      (key) => `${path}.${key}: not expected`,
    ),
  ],
};

/** The part of an answer that a path like `tasks[0].token` names. */
export function pick(value: Json | undefined, path: string): Json | undefined {
  return path
    .split(/\.|\[|\]\.?/)
    .filter((name) => name !== '')
    .reduce<Json | undefined>(
      (at, name) => (Array.isArray(at) ? at[Number(name)] : isObject(at) ? (at as JsonObject)[name] : undefined),
      value,
    );
}
