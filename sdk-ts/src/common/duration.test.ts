import { expect, test } from 'vitest';
import { msToProto, msToTimestamp, protoToMs, timestampToMs, toMs } from './duration.ts';

test.each([
  ['30s', 30_000],
  ['5 minutes', 300_000],
  ['1h 30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['100ms', 100],
  ['2 days', 172_800_000],
  ['1 Week', 604_800_000],
  [1500, 1500],
  [0.2, 1],
  [0, 0],
])('%s is %i ms', (text, ms) => {
  expect(toMs(text)).toBe(ms);
});

test.each([
  ['30', /timeout: "30" .*the unit is missing.*write for example/],
  ['', /it is empty/],
  ['5 parsecs', /unknown unit "parsecs"/],
  ['5s!', /cannot read "!"/],
  ['-5s', /cannot read "-5s"/],
  [-1, /timeout: -1 is not a length of time/],
  [Number.NaN, /NaN is not a length of time/],
  [Number.POSITIVE_INFINITY, /Infinity is not a length of time/],
  [null as unknown as string, /expected a number of milliseconds or text/],
  ['5300 weeks', /longer than 100 years/],
])('%s is refused with the reason', (value, message) => {
  expect(() => toMs(value, 'timeout')).toThrow(message);
});

test('the wire keeps milliseconds', () => {
  for (const ms of [0, 1, 999, 1000, 1_234_567_890_123]) {
    expect(protoToMs(msToProto(ms))).toBe(ms);
    expect(timestampToMs(msToTimestamp(ms))).toBe(ms);
  }
  expect(protoToMs(undefined)).toBeUndefined();
});
