// Looks at the sandbox from inside.

import {
  ApplicationFailure,
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  proxyActivities,
  setHandler,
  sleep,
} from '@perdure/sdk/workflow';

const { work } = proxyActivities<{ work(...args: unknown[]): Promise<unknown> }>({ startToCloseTimeout: '1m' });
const go = defineSignal('go');

let loaded = 0;
loaded += 1;
const shared = globalThis as unknown as Record<string, unknown>;

/** Module state and globals belong to one run. */
export async function state(): Promise<unknown> {
  loaded += 1;
  const before = shared.leak;
  shared.leak = 'from another run';
  return { loaded, before: before ?? null, after: shared.leak, same: (globalThis as unknown as { self: unknown }).self === globalThis };
}

class OldStyle extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'OldStyle';
    this.message = `${message}!`;
  }
}

function Legacy(this: { n: number }, n: number): void {
  this.n = n;
}
Legacy.prototype.toString = function (this: { n: number }): string {
  return `legacy ${this.n}`;
};

/** What plain freezing would break. */
export async function ordinary(): Promise<unknown> {
  const error = new OldStyle('custom');
  const legacy = new (Legacy as unknown as new (n: number) => object)(3);
  const own: Record<string, unknown> = {};
  own.toString = () => 'own';
  own['constructor' as string] = 'mine';
  Error.stackTraceLimit = 1;
  (Error as unknown as Record<string, unknown>).prepareStackTrace = () => 'broken';
  const frames = new Error('deep').stack?.split('\n').length ?? 0;
  return {
    name: error.name,
    message: error.message,
    instance: [error instanceof OldStyle, error instanceof Error, new TypeError('x') instanceof Error, error.constructor === OldStyle],
    legacy: String(legacy),
    own: [String(own), own.constructor],
    frames: frames > 1,
    called: Error('plain').message,
  };
}

/** Every attempt to change what runs share fails or stays in the run. */
export async function tamper(): Promise<unknown> {
  const attempts: Record<string, () => void> = {
    push: () => {
      Array.prototype.push = () => 0;
    },
    define: () => {
      Object.defineProperty(Object.prototype, 'leak', { value: 1 });
    },
    hidden: () => {
      (Object.getPrototypeOf([][Symbol.iterator]()) as Record<string, unknown>).leak = 1;
    },
    math: () => {
      Math.max = () => 0;
    },
    date: () => {
      Date.now = () => 0;
    },
    api: () => {
      (sleep as unknown as Record<string, unknown>).leak = 1;
    },
    promise: () => {
      // biome-ignore lint/suspicious/noThenProperty: that is the attempt
      Promise.prototype.then = (() => {}) as never;
    },
  };
  for (const attempt of Object.values(attempts)) {
    try {
      attempt();
    } catch {
      // Refused: as good as ignored.
    }
  }
  const array: number[] = [];
  array.push(1);
  const leaks = [{}, [].values(), sleep].map((value) => (value as { leak?: unknown }).leak ?? null);
  return [array.length, Math.max(1, 2), leaks[0], Date.now(), await Promise.resolve('resolved'), leaks[1], leaks[2]];
}

/** Ways out of the sandbox that are known from elsewhere. */
export async function escaping(): Promise<unknown> {
  const find = (make: () => unknown): string => {
    try {
      const value = make() as { constructor: { constructor(code: string): () => unknown } };
      return String(value.constructor.constructor('return typeof process')());
    } catch (error) {
      return (error as Error).constructor === EvalError || error instanceof Error ? 'no' : 'foreign error';
    }
  };
  const deep = (): unknown => {
    try {
      return deep();
    } catch (error) {
      return error;
    }
  };
  const urlError = (): unknown => {
    try {
      return new URL('::');
    } catch (error) {
      return error;
    }
  };
  // Whatever an API answers near the end of the stack must be of this realm.
  const atTheEnd = (use: () => unknown): unknown => {
    // No call in the handler: there is no stack for one.
    let found: { error: unknown; next: typeof found } | undefined;
    const dig = (): void => {
      try {
        use();
      } catch (error) {
        found = { error, next: found };
      }
      dig();
    };
    try {
      dig();
    } catch {
      // The stack is full.
    }
    for (let one = found; one !== undefined; one = one.next) if (!(one.error instanceof Error)) return one.error;
    return new Error(found === undefined ? 'never' : 'x');
  };
  const rejection = async (make: () => unknown): Promise<unknown> => {
    try {
      return await make();
    } catch (error) {
      return error;
    }
  };
  const revoked = Proxy.revocable(() => {}, {});
  revoked.revoke();
  const scope = new CancellationScope();
  const caught: Record<string, unknown> = {
    noFunction: await rejection(() => scope.run(null as never)),
    revoked: await rejection(() => scope.run(revoked.proxy as never)),
  };
  const generator = function* (): Generator {};
  const importing = `import('node:fs')`;
  const makers: Record<string, () => unknown> = {
    eval: () => [importing].map(shared.eval as typeof Number)[0],
    Function: () => new Function(`return ${importing}`)(),
    commented: () => new Function('return import/* */\n<!-- x\n("node:fs")')(),
    source: () => new Function('return import.source("node:fs")')(),
    parameter: () => new Function(`a = ${importing}`, 'return a')(),
    asyncFunction: () => (async () => {}).constructor(`return ${importing}`)(),
    generator: () => Object.getPrototypeOf(generator).constructor(`yield ${importing}`)().next().value,
    inherited: () => Object.getPrototypeOf((async () => {}).constructor)(`return ${importing}`)(),
    changing: () => {
      let asked = 0;
      return new Function({ toString: () => (asked++ === 0 ? '' : `return ${importing}`) } as never)();
    },
  };
  for (const [name, make] of Object.entries(makers)) {
    const answer = await rejection(make);
    // The last of them is a function without an import the one time it is asked.
    caught[name] = answer ?? new Error('x');
  }
  return {
    ...Object.fromEntries(Object.entries(caught).map(([name, value]) => [name, find(() => value)])),
    scopeAtTheEnd: find(() => atTheEnd(() => new CancellationScope())),
    urlAtTheEnd: find(() => atTheEnd(() => new URL('http://x.y/'))),
    textAtTheEnd: find(() => atTheEnd(() => new TextEncoder().encode('x'.repeat(200)))),
    error: find(() => new Error('x')),
    overflow: find(deep),
    url: find(() => new URL('http://x.y/')),
    urlError: find(urlError),
    abort: find(() => new AbortController().signal),
    clone: find(() => structuredClone({ a: 1 })),
    bytes: find(() => new TextEncoder().encode('x')),
    global: find(() => globalThis),
    promise: find(() => sleep(1)),
    site: find(() => work),
  };
}

/** The years 70 and 2024 of the last hours of a year, and no year. */
function setYears(): unknown[] {
  const date = new Date(Date.UTC(2026, 11, 31, 23, 30)) as Date & { setYear(year: number): number };
  const years = [70, 2024].map((year) => new Date(date.setYear(year)).toISOString());
  return [...years, Number.isNaN(date.setYear(Number.NaN)), date.setYear(99) === Date.UTC(1999, 0, 1)];
}

export async function times(): Promise<unknown> {
  const fixed = new Date(Date.UTC(2026, 6, 4, 12, 30, 15));
  return {
    now: Date.now(),
    // biome-ignore lint/complexity/useDateNow: the constructor is looked at
    made: Number(new Date()),
    text: String(fixed),
    called: Date().slice(0, 15),
    parts: [fixed.getFullYear(), fixed.getMonth(), fixed.getDate(), fixed.getHours(), fixed.getTimezoneOffset()],
    local: new Date(2026, 6, 4, 12).toISOString(),
    parsed: [
      Date.parse('2026-07-04T12:00'),
      Date.parse('2026-07-04'),
      Date.parse('Jul 4, 2026 12:00'),
      Date.parse('2026-07-04T12:00+02:00'),
    ],
    locale: [fixed.toLocaleString(), fixed.toLocaleDateString(), fixed.toLocaleTimeString('de-DE'), (1234.5).toLocaleString()],
    intl: [
      new Intl.DateTimeFormat().format(),
      new Intl.DateTimeFormat().resolvedOptions().timeZone,
      new Intl.NumberFormat().resolvedOptions().locale,
    ],
    chosen: new Intl.DateTimeFormat('de-DE', { timeZone: 'Europe/Berlin', dateStyle: 'short', timeStyle: 'short' }).format(fixed),
    performance: performance.now(),
    subclass: new (class extends Date {})(5).getTime(),
    isDate: fixed instanceof Date,
    undefinedZone: [fixed.toLocaleString('en-US', { timeZone: undefined }), fixed.toLocaleTimeString('en-US', { timeZone: undefined })],
    setYear: setYears(),
    comments: [
      Date.parse('Jul 4, 2026 12:00 (UTC)'),
      Date.parse('(GMT) Jul 4, 2026 12:00'),
      Date.parse('Jul 4, 2026 12:00 (in (Z)) GMT+0100'),
    ],
  };
}

export async function web(): Promise<unknown> {
  const controller = new AbortController();
  let aborted = '';
  controller.signal.addEventListener('abort', () => {
    aborted = String(controller.signal.reason);
  });
  controller.signal.addEventListener('abort', () => {
    throw new Error('a listener that throws');
  });
  controller.abort();
  const url = new URL('../b?x=1#h', 'https://user@example.com:8080/a/c');
  url.searchParams.append('y', 'ä b');
  const cycle: Record<string, unknown> = { date: new Date(7), map: new Map([[1, new Set([2])]]) };
  cycle.self = cycle;
  const copy = structuredClone(cycle);
  let order = '';
  queueMicrotask(() => {
    order += 'micro';
  });
  await Promise.resolve();
  let refused = '';
  try {
    structuredClone(() => {});
  } catch (error) {
    refused = (error as Error).name;
  }
  return {
    aborted,
    url: url.href,
    host: url.host,
    invalid: URL.canParse('nonsense'),
    copy: [copy.self === copy, copy.date instanceof Date, (copy.map as Map<number, Set<number>>).get(1)?.has(2)],
    refused,
    order,
    bytes: Array.from(new TextEncoder().encode('aä€😀\ud800')),
    text: new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 97, 0xc3, 0xa4, 0xf0, 0x9f, 0x98, 0x80, 0xff])),
    uuid: crypto.randomUUID().length,
    random: crypto.getRandomValues(new Uint8Array(4)).length,
  };
}

/** Short texts are handled inside, long ones by the host: both must agree. */
export async function texts(): Promise<unknown> {
  const piece = 'aä€😀\ud800z';
  const same = [1, 200].map((count) => {
    const text = piece.repeat(count);
    const bytes = new TextEncoder().encode(text);
    return [bytes.length / count, new TextDecoder().decode(bytes) === text.replaceAll('\ud800', '\ufffd'), bytes instanceof Uint8Array];
  });
  const damaged = [10, 500].map((count) => {
    const bytes = new Uint8Array(count).fill(0xff);
    let refused = '';
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (error) {
      refused = String(error instanceof TypeError);
    }
    return [new TextDecoder().decode(bytes) === '\ufffd'.repeat(count), refused];
  });
  return { same, damaged };
}

export async function chance(): Promise<unknown> {
  return [Math.random(), Math.random(), crypto.randomUUID(), Array.from(crypto.getRandomValues(new Uint8Array(8)))];
}

export async function missing(): Promise<unknown> {
  return [
    'WeakRef',
    'FinalizationRegistry',
    'SharedArrayBuffer',
    'Atomics',
    'WebAssembly',
    'process',
    'require',
    'Buffer',
    '__perdureLibrary',
  ].filter((name) => shared[name] !== undefined);
}

export async function legacyRegExp(): Promise<unknown> {
  /(s\w+)/.exec('a secret');
  return [(RegExp as unknown as Record<string, unknown>).$1 ?? null, 'a-b'.replace(/(\w)-(\w)/, '$2-$1')];
}

/** A reaction that would run in the next entry if anything left the entry script by an error. */
export async function throwsInTimer(): Promise<void> {
  setTimeout(() => {
    throw new TypeError('in a timer');
  }, 10);
  await condition(() => false);
}

export async function waitsForGo(): Promise<string> {
  let gone = false;
  setHandler(go, () => {
    gone = true;
  });
  await condition(() => gone);
  return 'gone';
}

/** Answers of 1.5 MB each. */
export async function largeAnswers(): Promise<void> {
  setHandler(defineQuery<string>('large'), () => 'x'.repeat(1_500_000));
  await condition(() => false);
}

export async function dynamicImport(): Promise<string> {
  const name = './nowhere.js';
  try {
    await import(name);
    return 'loaded';
  } catch (error) {
    return `${error instanceof Error} ${(error as Error).message}`;
  }
}

export async function failureNames(): Promise<string[]> {
  class CardDeclined extends ApplicationFailure {}
  return [ApplicationFailure.name, new ApplicationFailure().type, new CardDeclined().type];
}
