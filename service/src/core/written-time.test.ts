/** Times and lengths, against the platform's own calendar. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseLength, parseTime } from './written-time.ts';

test('times agree with the platform from year 0 to 9999', () => {
  const range = { min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true };
  fc.assert(fc.property(fc.date(range), (date) => parseTime(date.toISOString()) === date.getTime()));
});

test.each([
  '2026-13-01',
  '2026-00-10',
  '2025-02-29',
  '2026-04-31',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:00:00',
  '2026-01-01T00:00:00+24:00',
  '26-01-01',
  '',
])('"%s" is no time', (text) => {
  expect(parseTime(text)).toBeUndefined();
});

test('lengths', () => {
  expect(['90s', '1.5h', '7d', '2w', '250ms', '5m'].map(parseLength)).toEqual([
    90_000, 5_400_000, 604_800_000, 1_209_600_000, 250, 300_000,
  ]);
  expect(['', '5', 'h', '-5m', '5 m', '5y'].map(parseLength)).toEqual(Array.from({ length: 6 }));
});
