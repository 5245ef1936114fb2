/**
 * Cron schedules, in UTC: five fields (minute, hour, day of month, month, day of week), names such as @hourly, or "@every 90m".
 * Calendars are computed from days since 1970 alone: the core has no clock and no time zone.
 */
import { badField, type PerdureError } from '../errors.ts';
import { MAX_DURATION_MS } from './limits.ts';

const FIELD = 'cron_schedule';
const SECOND = 1_000;
const MINUTE = 60_000;
const DAY = 86_400_000;
/** The 29th of February can be eight years away. */
const MOST_DAYS = 8 * 366 + 1;

/** A schedule that has been read. */
export type Cron =
  | { readonly kind: 'every'; readonly ms: number }
  | {
      readonly kind: 'fields';
      readonly minutes: readonly number[];
      readonly hours: readonly number[];
      readonly days: ReadonlySet<number>;
      readonly months: ReadonlySet<number>;
      readonly weekdays: ReadonlySet<number>;
      /** Both days are restricted: either of them will do. */
      readonly eitherDay: boolean;
    };

interface Field {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly names: readonly string[];
}

const FIELDS: readonly Field[] = [
  { name: 'minute', least: 0, most: 59, names: [] },
  { name: 'hour', least: 0, most: 23, names: [] },
  { name: 'day of month', least: 1, most: 31, names: [] },
  { name: 'month', least: 1, most: 12, names: ['', 'JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'] },
  { name: 'day of week', least: 0, most: 7, names: ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'] },
];

const NAMED: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/** Reads a schedule. Throws BAD_FIELD naming the position (from 1) and the field at fault. */
export function parseCron(text: string): Cron {
  if (text.startsWith('@every')) return parseEvery(text);
  if (text.startsWith('@') && NAMED[text] === undefined)
    throw badField(FIELD, `position 1: "${text}" is not one of ${Object.keys(NAMED).join(', ')} and "@every" with a duration`);
  const parts = [...(NAMED[text] ?? text).matchAll(/\S+/g)];
  if (parts.length !== FIELDS.length) {
    const at = (parts[FIELDS.length]?.index ?? text.length) + 1;
    throw badField(FIELD, `position ${at}: ${parts.length} fields, wanted are 5: ${FIELDS.map(({ name }) => name).join(', ')}`);
  }
  const [minutes, hours, days, months, weekdays] = parts.map((part, n) => parseField(part[0], part.index, FIELDS[n] as Field)) as [
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
  ];
  if (weekdays.delete(7)) weekdays.add(0);
  const isRestricted = (n: number): boolean => !/^[*?]/.test((parts[n] as RegExpMatchArray)[0]);
  const cron: Cron = {
    kind: 'fields',
    minutes: [...minutes].sort((a, b) => a - b),
    hours: [...hours].sort((a, b) => a - b),
    days,
    months,
    weekdays,
    eitherDay: isRestricted(2) && isRestricted(4),
  };
  if (nextTime(cron, 0, 0) === undefined) throw badField(FIELD, `"${text}" matches no time`);
  return cron;
}

function parseEvery(text: string): Cron {
  const match = /^@every\s+((?:\d+(?:\.\d+)?[smhd])+)$/.exec(text);
  if (match === null) throw badField(FIELD, `position 7: "@every" needs a duration such as 30s, 90m, 1h30m or 1d`);
  const units: Record<string, number> = { s: SECOND, m: MINUTE, h: 60 * MINUTE, d: DAY };
  let ms = 0;
  for (const [, amount, unit] of (match[1] as string).matchAll(/(\d+(?:\.\d+)?)([smhd])/g))
    ms += Number(amount) * (units[unit as string] ?? 0);
  if (!(ms >= SECOND && ms <= MAX_DURATION_MS))
    throw badField(FIELD, `position 8: "@every" takes 1 s to ${MAX_DURATION_MS / SECOND} s, not ${ms / SECOND} s`);
  return { kind: 'every', ms: Math.round(ms) };
}

/** A list of values, ranges and steps. */
function parseField(text: string, index: number, field: Field): Set<number> {
  const values = new Set<number>();
  let at = index;
  for (const item of text.split(',')) {
    addItem(values, item, at + 1, field);
    at += item.length + 1;
  }
  return values;
}

function addItem(values: Set<number>, item: string, position: number, field: Field): void {
  const match = /^(?:([*?])|([0-9A-Za-z]+)(?:-([0-9A-Za-z]+))?)(?:\/([0-9]+))?$/.exec(item);
  if (match === null)
    throw wrong(position, field, `"${item}" is not a value, a range such as 1-5, or * (each also with a step such as /2)`);
  const [, all, low, high, step] = match;
  const from = all === undefined ? numberOf(low as string, position, field) : field.least;
  const open = all !== undefined || (step !== undefined && high === undefined);
  const to = open ? highest(field) : high === undefined ? from : numberOf(high, position + (low as string).length + 1, field);
  if (to < from) throw wrong(position, field, `"${item}" ends before it begins`);
  const by = step === undefined ? 1 : Number(step);
  if (by < 1 || by > field.most) throw wrong(position, field, `the step of "${item}" is not within 1 and ${field.most}`);
  for (let value = from; value <= to; value += by) values.add(value);
}

/** Sunday is 0 and 7, but once in "every day". */
function highest(field: Field): number {
  return field.most === 7 ? 6 : field.most;
}

function numberOf(text: string, position: number, field: Field): number {
  const named = field.names.indexOf(text.toUpperCase());
  const value = named >= 0 ? named : /^[0-9]{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= field.least && value <= field.most) return value;
  const names = field.names.length === 0 ? '' : `, nor a name such as ${field.names.find((name) => name !== '')}`;
  throw wrong(position, field, `"${text}" is not within ${field.least} and ${field.most}${names}`);
}

function wrong(position: number, { name }: Field, problem: string): PerdureError {
  return badField(FIELD, `position ${position}, ${name}: ${problem}`);
}

/**
 * The next time of the schedule after `now`: times that were missed are skipped. `anchor` is the time that "@every" counts from. Ms since
 * 1970; undefined when there is none.
 */
export function nextTime(cron: Cron, anchor: number, now: number): number | undefined {
  const after = Math.max(anchor, now);
  if (cron.kind === 'every') return anchor + (Math.floor((after - anchor) / cron.ms) + 1) * cron.ms;
  const first = Math.floor(after / MINUTE) * MINUTE + MINUTE;
  let day = Math.floor(first / DAY);
  for (let days = 0; days < MOST_DAYS; days += 1, day += 1) {
    if (!isDay(cron, day)) continue;
    const least = days === 0 ? (first - day * DAY) / MINUTE : 0;
    for (const hour of cron.hours) {
      if (hour * 60 + 59 < least) continue;
      for (const minute of cron.minutes) if (hour * 60 + minute >= least) return day * DAY + (hour * 60 + minute) * MINUTE;
    }
  }
  return undefined;
}

function isDay(cron: Extract<Cron, { kind: 'fields' }>, day: number): boolean {
  const { month, dayOfMonth } = civil(day);
  if (!cron.months.has(month)) return false;
  const inMonth = cron.days.has(dayOfMonth);
  // Day 0 was a Thursday.
  const inWeek = cron.weekdays.has((((day + 4) % 7) + 7) % 7);
  return cron.eitherDay ? inMonth || inWeek : inMonth && inWeek;
}

/** Month and day of a day counted from 1970, in the proleptic Gregorian calendar; years begin in March, so that leap days come last. */
function civil(day: number): { month: number; dayOfMonth: number } {
  const shifted = day + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const year = Math.floor((dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const march = Math.floor((5 * dayOfYear + 2) / 153);
  return { month: march < 10 ? march + 3 : march - 9, dayOfMonth: dayOfYear - Math.floor((153 * march + 2) / 5) + 1 };
}
