import { expect, test } from 'vitest';
import { choiceFlag, inputFlags, numberFlag, parseDuration, searchAttributeFlags } from './input.ts';

test.each([
  ['500ms', 500],
  ['30s', 30_000],
  ['1h30m', 5_400_000],
  ['2d', 172_800_000],
  ['1.5s', 1_500],
  ['0s', 0],
])('duration %s', (text, ms) => {
  expect(parseDuration('--d', text)).toBe(ms);
});

test.each(['', '5', '5 s', '-5s', 's', '5s x', '1e3s', '99999999999999999d'])('%j is not a duration; the flag is named', (text) => {
  expect(() => parseDuration('--run-timeout', text)).toThrow(/^--run-timeout: .* is not a duration; write for example/);
});

test('JSON arguments', () => {
  const [first, second] = inputFlags(['"World"', '{"a":1}'], undefined);
  expect([first, second].map((payload) => Buffer.from(payload?.data ?? []).toString())).toEqual(['"World"', '{"a":1}']);
  expect(() => inputFlags(['World'], undefined)).toThrow(/^--input: World is not JSON .*a string needs its quotes/);
  expect(() => inputFlags([], 'file')).toThrow('--input and --input-file cannot be given together');
  expect(() => inputFlags(undefined, '/nowhere.json')).toThrow('--input-file: cannot read /nowhere.json');
});

test('choices name what is allowed', () => {
  expect(choiceFlag('--c', undefined, { a: 1, b: 2 }, 2)).toBe(2);
  expect(choiceFlag('--c', 'a', { a: 1, b: 2 }, 2)).toBe(1);
  expect(() => choiceFlag('--c', 'toString', { a: 1, b: 2 }, 2)).toThrow('--c: "toString" is not allowed; allowed: a, b');
});

test('numbers have bounds', () => {
  expect(numberFlag('--limit', '5', 1, 10)).toBe(5);
  for (const text of ['0', '11', '1.5', '-1', 'x', '']) expect(() => numberFlag('--limit', text, 1, 10)).toThrow('--limit: ');
});

test('search attributes take their type from the JSON', () => {
  const attributes = searchAttributeFlags('--sa', [
    'k="v"',
    'n=5',
    'd=1.5',
    'b=true',
    'l=["a","b"]',
    't="2026-01-01T00:00:00Z"',
    'e="a=b"',
  ]);
  expect(Object.values(attributes).map(({ value }) => value?.$case)).toEqual([
    'keyword',
    'int',
    'double',
    'bool',
    'keywordList',
    'datetime',
    'keyword',
  ]);
  expect(attributes.e?.value?.value).toBe('a=b');
  expect(() => searchAttributeFlags('--sa', ['k={}'])).toThrow('--sa: k must be a string, number, boolean or list of strings');
  expect(() => searchAttributeFlags('--sa', ['=5'])).toThrow('--sa: "=5" is not key=json');
});
