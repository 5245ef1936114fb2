// Conversions between protobuf times and milliseconds: exact for whole milliseconds, and never early.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_DURATION_MS } from './limits.ts';
import { fromDuration, fromTimestamp, toDuration, toTimestamp } from './time.ts';

test('every millisecond of a clock comes back', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e15, max: 1e15 }), (ms) => {
      const time = toTimestamp(ms);
      expect(fromTimestamp(time)).toBe(ms);
      expect(time.nanos).toBeGreaterThanOrEqual(0);
      expect(time.nanos).toBeLessThan(1e9);
    }),
  );
  expect(toTimestamp(1_700_000_000_123)).toEqual({ seconds: 1_700_000_000n, nanos: 123_000_000 });
  expect(fromTimestamp(undefined)).toBe(0);
});

test('every duration of whole milliseconds comes back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MAX_DURATION_MS }), (ms) => {
      expect(fromDuration(toDuration(ms))).toBe(ms);
    }),
  );
});

test('no duration is the same as 0', () => {
  expect(toDuration(0)).toBeUndefined();
  expect(fromDuration(undefined)).toBe(0);
});

test.each([
  [0n, 1, 1],
  [0n, 999_999, 1],
  [0n, 1_000_000, 1],
  [0n, 1_000_001, 2],
  [1n, 500_000_001, 1_501],
  [-1n, 0, -1_000],
  [-1n, -500_000_000, -1_500],
])('R-TIMER-1 %s s and %s ns are %s ms: rounded up, so that nothing is early', (seconds, nanos, ms) => {
  expect(fromDuration({ seconds, nanos })).toBe(ms);
});

test('durations beyond all limits stay large numbers, which the limits refuse', () => {
  expect(fromDuration({ seconds: 9_223_372_036_854_775_807n, nanos: 0 })).toBeGreaterThan(MAX_DURATION_MS);
  expect(fromDuration({ seconds: -9_223_372_036_854_775_808n, nanos: 0 })).toBeLessThan(0);
});
