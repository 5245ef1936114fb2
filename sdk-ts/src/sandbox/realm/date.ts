// A Date that knows no clock and no zone: now is the workflow's time, local time is UTC.

/** Native functions of this realm, taken before they are replaced. */
type DateFunction = (this: Date, ...args: never[]) => unknown;

const LOCAL_PARTS = ['Date', 'Day', 'FullYear', 'Hours', 'Milliseconds', 'Minutes', 'Month', 'Seconds'] as const;
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const ISO_DATE = /^[+-]?\d{4,6}(-\d\d(-\d\d)?)?$/;
const ISO_LOCAL = /^[+-]?\d{4,6}-\d\d(-\d\d)?T\d\d:\d\d(:\d\d([.,]\d+)?)?$/;
const HAS_ZONE = /(\b(Z|UTC?|GMT|[ECMP][SD]T)\b|\d\d:\d\d\S*\s*[+-]\d|\d{4}\s*[+-]\d{4}|Z\s*$)/i;

/** Replaces Date in the given global. `now` answers milliseconds since 1970. */
export function installDate(global: typeof globalThis, now: () => number): void {
  const Native = global.Date;
  const proto = Native.prototype;
  const parse = (text: string): number => {
    const trimmed = text.trim();
    // What stands in parentheses is a comment, also when it looks like a zone.
    const said = withoutComments(trimmed);
    if (ISO_DATE.test(said) || HAS_ZONE.test(said)) return Native.parse(said);
    return Native.parse(ISO_LOCAL.test(said) ? `${said}Z` : `${said} UTC`);
  };
  const fromParts = (args: readonly unknown[]): number => {
    if (args.length === 0) return now();
    if (args.length > 1) return Native.UTC(...(args.map(Number) as [number, number]));
    const [value] = args;
    if (value instanceof Native) return value.getTime();
    const primitive = typeof value === 'object' && value !== null ? toPrimitive(value) : value;
    return typeof primitive === 'string' ? parse(primitive) : Number(primitive);
  };
  // An ordinary function: Date can be called without new.
  const Replaced = function (this: unknown, ...args: unknown[]): unknown {
    if (new.target === undefined) return new Native(now()).toString();
    return Reflect.construct(Native, [fromParts(args)], new.target);
  };
  Object.defineProperty(Replaced, 'name', { value: 'Date', configurable: true });
  Object.defineProperty(Replaced, 'length', { value: 7, configurable: true });
  Object.defineProperty(Replaced, 'prototype', { value: proto, writable: false });
  define(Replaced, 'now', () => now());
  define(Replaced, 'parse', (text: unknown) => parse(String(text)));
  define(Replaced, 'UTC', Native.UTC);
  define(proto, 'constructor', Replaced);
  localIsUtc(proto);
  define(global, 'Date', Replaced);
}

function define(target: object, name: PropertyKey, value: unknown): void {
  if (typeof value === 'function' && value.name === '') Object.defineProperty(value, 'name', { value: name, configurable: true });
  Object.defineProperty(target, name, { value, writable: true, enumerable: false, configurable: true });
}

function withoutComments(text: string): string {
  let depth = 0;
  let kept = '';
  for (const character of text) {
    if (character === '(') depth += 1;
    else if (character === ')' && depth > 0) depth -= 1;
    else if (depth === 0) kept += character;
  }
  return kept.trim();
}

function toPrimitive(value: object): unknown {
  const convert = (value as { [Symbol.toPrimitive]?: (hint: string) => unknown })[Symbol.toPrimitive];
  if (typeof convert === 'function') return convert.call(value, 'default');
  const plain = value.valueOf();
  return typeof plain === 'object' ? String(value) : plain;
}

function localIsUtc(proto: Date): void {
  const table = proto as unknown as Record<string, DateFunction>;
  for (const part of LOCAL_PARTS) {
    for (const kind of ['get', 'set']) {
      const utc = table[`${kind}UTC${part}`];
      if (utc === undefined) continue;
      define(proto, `${kind}${part}`, function (this: Date, ...args: never[]) {
        return utc.apply(this, args);
      });
    }
  }
  const method = (name: string, make: (date: Date) => unknown): void =>
    define(proto, name, function (this: Date) {
      return make(this);
    });
  const two = (value: number): string => String(value).padStart(2, '0');
  const year = (date: Date): string => `${date.getUTCFullYear() < 0 ? '-' : ''}${String(Math.abs(date.getUTCFullYear())).padStart(4, '0')}`;
  const day = (date: Date): string => `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${two(date.getUTCDate())} ${year(date)}`;
  const time = (date: Date): string =>
    `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} GMT+0000 (Coordinated Universal Time)`;
  const valid = (make: (date: Date) => string) => (date: Date) => (Number.isNaN(date.getTime()) ? 'Invalid Date' : make(date));
  method('getTimezoneOffset', (date) => (Number.isNaN(date.getTime()) ? Number.NaN : 0));
  const years = {
    setYear(this: Date, value: unknown) {
      const given = Math.trunc(Number(value));
      if (Number.isNaN(this.getTime())) this.setTime(0);
      return this.setUTCFullYear(given >= 0 && given <= 99 ? 1900 + given : given);
    },
  };
  define(proto, 'setYear', years.setYear);
  method('getYear', (date) => date.getUTCFullYear() - 1900);
  method(
    'toString',
    valid((date) => `${day(date)} ${time(date)}`),
  );
  method('toDateString', valid(day));
  method('toTimeString', valid(time));
}
