// Cron schedules as tables: R-CHAIN-5, R-CHAIN-6.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextTime, parseCron } from './cron.ts';

const at = (text: string): number => Date.parse(text);
const shown = (ms: number | undefined): string => (ms === undefined ? 'never' : new Date(ms).toISOString().replace(':00.000Z', ''));

describe('R-CHAIN-5 the next time of a schedule', () => {
  test.each<[schedule: string, after: string, next: string]>([
    ['* * * * *', '2026-01-01T10:00:00Z', '2026-01-01T10:01'],
    ['* * * * *', '2026-01-01T10:00:59.999Z', '2026-01-01T10:01'],
    ['*/15 * * * *', '2026-01-01T10:44:00Z', '2026-01-01T10:45'],
    ['*/15 * * * *', '2026-01-01T10:45:00Z', '2026-01-01T11:00'],
    ['5/20 * * * *', '2026-01-01T10:06:00Z', '2026-01-01T10:25'],
    ['30 9 * * MON-FRI', '2026-11-20T09:30:00Z', '2026-11-23T09:30'],
    ['0 12 1,15 * *', '2026-11-15T12:00:00Z', '2026-12-01T12:00'],
    ['0 0 13 * 5', '2026-11-20T00:00:00Z', '2026-11-27T00:00'],
    ['0 0 */2 * 5', '2026-11-20T00:00:00Z', '2026-11-27T00:00'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00'],
    ['0 0 29 FEB ?', '2096-03-01T00:00:00Z', '2104-02-29T00:00'],
    ['0 0 * * 7', '2026-11-22T00:00:00Z', '2026-11-29T00:00'],
    ['0 0 * * 5-7', '2026-11-20T00:00:00Z', '2026-11-21T00:00'],
    ['59 23 31 12 *', '2026-12-31T23:59:00Z', '2027-12-31T23:59'],
    ['@hourly', '2026-01-01T10:00:00Z', '2026-01-01T11:00'],
    ['@daily', '2026-02-28T10:00:00Z', '2026-03-01T00:00'],
    ['@weekly', '2026-11-20T10:00:00Z', '2026-11-22T00:00'],
    ['@monthly', '2026-11-20T10:00:00Z', '2026-12-01T00:00'],
    ['@yearly', '2026-11-20T10:00:00Z', '2027-01-01T00:00'],
  ])('%s after %s', (schedule, after, next) => {
    expect(shown(nextTime(parseCron(schedule), at(after), at(after)))).toBe(next);
  });

  test('R-CHAIN-6 @every counts from the scheduled time, and skips what was missed', () => {
    const every = parseCron('@every 1h30m');
    const anchor = at('2026-01-01T10:00:00Z');
    expect(shown(nextTime(every, anchor, anchor))).toBe('2026-01-01T11:30');
    expect(shown(nextTime(every, anchor, at('2026-01-01T11:29:59Z')))).toBe('2026-01-01T11:30');
    expect(shown(nextTime(every, anchor, at('2026-01-01T15:00:00Z')))).toBe('2026-01-01T16:00');
  });

  test('agrees with a calendar, minute by minute', () => {
    const field = (least: number, most: number): fc.Arbitrary<number[]> =>
      fc.oneof(fc.constant<number[]>([]), fc.uniqueArray(fc.integer({ min: least, max: most }), { minLength: 1, maxLength: 3 }));
    const schedules = fc.tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6));
    fc.assert(
      fc.property(schedules, fc.integer({ min: 0, max: 100 * 366 * 1_440 }), (lists, minute) => {
        const cron = parseCron(lists.map((list) => (list.length === 0 ? '*' : list.join(','))).join(' '));
        const from = minute * 60_000;
        const next = nextTime(cron, from, from) as number;
        expect(next).toBeGreaterThan(from);
        const fits = (ms: number): boolean => {
          const date = new Date(ms);
          const [minutes, hours, days, months, weekdays] = lists as [number[], number[], number[], number[], number[]];
          const has = (list: number[], value: number): boolean => list.length === 0 || list.includes(value);
          const [inMonth, inWeek] = [has(days, date.getUTCDate()), has(weekdays, date.getUTCDay())];
          const day = days.length > 0 && weekdays.length > 0 ? inMonth || inWeek : inMonth && inWeek;
          return has(minutes, date.getUTCMinutes()) && has(hours, date.getUTCHours()) && has(months, date.getUTCMonth() + 1) && day;
        };
        expect(fits(next)).toBe(true);
        for (let ms = from + 60_000; ms < Math.min(next, from + 500 * 60_000); ms += 60_000) expect(fits(ms)).toBe(false);
      }),
      { numRuns: 20 },
    );
  });
});

test.each<[schedule: string, message: RegExp]>([
  ['', /position 1: 0 fields, wanted are 5: minute, hour, day of month, month, day of week/],
  ['* * * *', /position 8: 4 fields/],
  ['* * * * * *', /position 11: 6 fields/],
  ['60 * * * *', /position 1, minute: "60" is not within 0 and 59/],
  ['0 24 * * *', /position 3, hour: "24" is not within 0 and 23/],
  ['0 1,5,x * * *', /position 7, hour: "x" is not within 0 and 23/],
  ['0 0 0 * *', /position 5, day of month: "0" is not within 1 and 31/],
  ['0 0 1 FOO *', /position 7, month: "FOO" is not within 1 and 12, nor a name such as JAN/],
  ['0 0 * * 1-8', /position 11, day of week: "8" is not within 0 and 7/],
  ['30-10 * * * *', /position 1, minute: "30-10" ends before it begins/],
  ['*/0 * * * *', /position 1, minute: the step of "\*\/0" is not within 1 and 59/],
  ['0 0 1- * *', /position 5, day of month: "1-" is not a value/],
  ['0 0 30 2 *', /"0 0 30 2 \*" matches no time/],
  ['@noon', /position 1: "@noon" is not one of @yearly/],
  ['@every', /position 7: "@every" needs a duration/],
  ['@every 0.5s', /position 8: "@every" takes 1 s to/],
])('R-CHAIN-5 refuses %j', (schedule, message) => {
  expect(() => parseCron(schedule)).toThrow(message);
});
