// Intl and the toLocale… functions without the machine in them: en-US, UTC and the workflow's time unless the code says otherwise.

const LOCALE = 'en-US';
const CONSTRUCTORS = [
  'Collator',
  'DateTimeFormat',
  'DisplayNames',
  'DurationFormat',
  'ListFormat',
  'NumberFormat',
  'PluralRules',
  'RelativeTimeFormat',
  'Segmenter',
];

type AnyConstructor = (new (...args: unknown[]) => object) & Record<string, unknown> & { supportedLocalesOf?(locales: unknown): string[] };

/** Changes the given global in place. `now` answers milliseconds since 1970. */
export function installIntl(global: typeof globalThis, now: () => number): void {
  const intl = global.Intl as unknown as Record<string, AnyConstructor>;
  for (const name of CONSTRUCTORS) {
    const Native = intl[name];
    if (Native !== undefined) define(intl, name, replace(Native, name));
  }
  installFormat(global, now);
  const dates = global.Date.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString']) {
    const native = dates[name] as (...args: unknown[]) => unknown;
    wrap(dates, name, (self, [locales, options]) => native.call(self, locale(global, locales), inUtc(options)));
  }
  for (const [proto, names] of [
    [global.Number.prototype, ['toLocaleString']],
    [global.BigInt.prototype, ['toLocaleString']],
    [global.String.prototype, ['toLocaleLowerCase', 'toLocaleUpperCase']],
  ] as const) {
    const table = proto as unknown as Record<string, (...args: unknown[]) => unknown>;
    for (const name of names) {
      const native = table[name] as (...args: unknown[]) => unknown;
      wrap(table, name, (self, [locales, ...rest]) => native.call(self, locale(global, locales), ...rest));
    }
  }
  const strings = global.String.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  const compare = strings.localeCompare as (...args: unknown[]) => unknown;
  wrap(strings, 'localeCompare', (self, [other, locales, options]) => compare.call(self, other, locale(global, locales), options));
}

/** What was asked for, where this Node knows it; else en-US rather than the machine's locale. */
function locale(global: typeof globalThis, locales: unknown): unknown {
  if (locales === undefined) return LOCALE;
  return global.Intl.NumberFormat.supportedLocalesOf(locales as string).length === 0 ? LOCALE : locales;
}

/** Options of a date format, with UTC unless another zone is named: undefined is not. */
function inUtc(options: unknown): object {
  const given = options as { timeZone?: unknown } | undefined;
  return { ...given, timeZone: given?.timeZone ?? 'UTC' };
}

function replace(Native: AnyConstructor, name: string): unknown {
  const isDate = name === 'DateTimeFormat';
  // An ordinary function: some of these can be called without new.
  const Replaced = function (this: unknown, locales?: unknown, options?: unknown): unknown {
    const known = locales !== undefined && (Native.supportedLocalesOf?.(locales).length ?? 1) > 0;
    const args = [known ? locales : LOCALE, isDate ? inUtc(options) : options];
    return Reflect.construct(Native, args, new.target ?? Replaced);
  };
  Object.defineProperty(Replaced, 'name', { value: name, configurable: true });
  Object.defineProperty(Replaced, 'length', { value: 0, configurable: true });
  Object.defineProperty(Replaced, 'prototype', { value: Native.prototype, writable: false });
  if (Native.supportedLocalesOf !== undefined) define(Replaced, 'supportedLocalesOf', Native.supportedLocalesOf);
  define(Native.prototype, 'constructor', Replaced);
  return Replaced;
}

/** format() and formatToParts() without an argument mean the workflow's time. */
function installFormat(global: typeof globalThis, now: () => number): void {
  const proto = global.Intl.DateTimeFormat.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  const parts = proto.formatToParts as (...args: unknown[]) => unknown;
  wrap(proto, 'formatToParts', (self, [date]) => parts.call(self, date ?? now()));
  const getter = Object.getOwnPropertyDescriptor(proto, 'format')?.get as () => (date?: unknown) => string;
  Object.defineProperty(proto, 'format', {
    get(this: unknown) {
      const format = getter.call(this as never);
      return (date?: unknown) => format(date ?? now());
    },
    enumerable: false,
    configurable: true,
  });
}

function wrap(target: Record<string, unknown>, name: string, call: (self: unknown, args: unknown[]) => unknown): void {
  const replaced = function (this: unknown, ...args: unknown[]): unknown {
    return call(this, args);
  };
  Object.defineProperty(replaced, 'name', { value: name, configurable: true });
  define(target, name, replaced);
}

function define(target: object, name: PropertyKey, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, enumerable: false, configurable: true });
}
