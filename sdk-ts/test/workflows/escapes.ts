// Every way known to get at what is not in the log, or at what belongs to another run. Each takes one way and answers what it found.

import { ApplicationFailure, proxyActivities, random, sleep, uuid4 } from '@perdure/sdk/workflow';

const { work } = proxyActivities<{ work(...args: unknown[]): Promise<unknown> }>({ startToCloseTimeout: '1m' });

// biome-ignore lint/suspicious/noExplicitAny: names that exist elsewhere only
const anywhere = globalThis as any;
// Not names of this language's types: what the code of a workflow would write.
declare const process: { env: object };
declare const require: (name: string) => unknown;
declare const Buffer: { from(text: string): unknown };
declare const __dirname: string;
const name = (parts: string[]): string => parts.join('');

class Curious extends Error {}

export const WAYS: Record<string, () => unknown> = {
  // Time
  dateNow: () => Date.now(),
  // biome-ignore lint/complexity/useDateNow: the constructor is looked at
  dateConstructor: () => [Number(new Date()), Date().slice(0, 24)],
  dateOfPrototype: () => new (Object.getPrototypeOf(new Date(0)).constructor as typeof Date)().getTime(),
  dateSubclass: () => new (class extends Date {})().getTime(),
  dateReflected: () => (Reflect.construct(Date, []) as Date).getTime(),
  performanceNow: () => [performance.now(), performance.timeOrigin],
  intlNow: () => [
    new Intl.DateTimeFormat().format(),
    new Intl.DateTimeFormat()
      .formatToParts()
      .map(({ value }) => value)
      .join(''),
  ],
  localTime: () => [new Date(2026, 6, 4).toISOString(), new Date(0).getTimezoneOffset(), new Date('2026-07-04T12:00').toISOString()],
  localeAndZone: () => {
    const { locale, timeZone } = new Intl.DateTimeFormat().resolvedOptions();
    return [locale, timeZone, new Date(0).toLocaleString(), (1234.5).toLocaleString(), 'ä'.localeCompare('z'), 'i'.toLocaleUpperCase()];
  },
  temporal: () => typeof anywhere.Temporal,
  // Chance
  mathRandom: () => [Math.random(), random()],
  uuids: () => [crypto.randomUUID(), uuid4()],
  randomValues: () => Array.from(crypto.getRandomValues(new Uint8Array(6))),
  // Timers
  setTimeout: () => new Promise((resolve) => setTimeout(resolve, 5)),
  setInterval: () => anywhere.setInterval(() => {}, 1),
  setImmediate: () => anywhere.setImmediate(() => {}),
  // The collector, other threads
  WeakRef: () => new WeakRef({}),
  FinalizationRegistry: () => new FinalizationRegistry(() => {}),
  SharedArrayBuffer: () => new SharedArrayBuffer(4),
  atomicsWait: () => Atomics.wait(new Int32Array(1), 0, 0, 1),
  atomicsWaitAsync: () => (Atomics as unknown as { waitAsync(...args: unknown[]): unknown }).waitAsync(new Int32Array(1), 0, 0, 1),
  WebAssembly: () => new Function('return WebAssembly')(),
  otherThreads: () => ['Worker', 'MessageChannel', 'BroadcastChannel', 'gc', 'navigator'].filter((each) => each in anywhere),
  // The machine
  process: () => process.env,
  require: () => require(name(['node', ':fs'])),
  Buffer: () => Buffer.from('x'),
  dirname: () => __dirname,
  fetch: () => anywhere.fetch('http://127.0.0.1:9'),
  WebSocket: () => new anywhere.WebSocket('ws://127.0.0.1:9'),
  dynamicImport: async () => await import(name(['node', ':fs'])),
  // Out by constructors and stacks
  constructorChain: () => anywhere.constructor.constructor('return process')(),
  functionOfThis: () => new Function('return this.process.env')(),
  functionOfApi: () => (sleep as unknown as { constructor: FunctionConstructor }).constructor('return process')(),
  functionOfArguments: (...given: unknown[]) => (given.constructor.constructor as FunctionConstructor)('return process')(),
  asyncFunction: async () => await (async () => {}).constructor('return process')(),
  generatorFunction: () => function* () {}.constructor('yield process')().next(),
  importInFunction: () => new Function(`return ${name(['imp', 'ort'])}('node:fs')`)(),
  importInEval: () => [`${name(['imp', 'ort'])}('node:fs')`].map(anywhere.eval)[0],
  prepareStackTrace: () => {
    let sites: unknown = 'nothing';
    (Error as unknown as { prepareStackTrace: unknown }).prepareStackTrace = (_: unknown, found: unknown) => {
      sites = found;
      return 'mine';
    };
    return [typeof new Error('x').stack, sites, typeof new Curious('x').stack];
  },
  callSites: () => {
    const target: { stack?: unknown } = {};
    (Error as unknown as { captureStackTrace?(target: object): void }).captureStackTrace?.(target);
    return typeof target.stack;
  },
  errorOfEngine: () => {
    try {
      (null as unknown as { x: unknown }).x;
      return 'none';
    } catch (error) {
      return ((error as Error).constructor.constructor as FunctionConstructor)('return typeof process')();
    }
  },
  callerOfStrict: () => {
    try {
      return String((sleep as unknown as { caller: unknown }).caller);
    } catch {
      return 'refused';
    }
  },
  enterByHand: () => anywhere.__perdureEnter?.() ?? new Function('return typeof __perdureEnter')(),
};

/** What one run leaves behind for the next; each answers what it finds of it first. */
export const TRACES: Record<string, () => unknown> = {
  global: () => leave(anywhere),
  globalByFunction: () => leave(new Function('return this')() as object),
  globalByEval: () => leave([`this`].map(anywhere.eval)[0] as object),
  objectPrototype: () => leave(Object.prototype),
  arrayPrototype: () => leave(Array.prototype),
  functionPrototype: () => leave(Function.prototype),
  promisePrototype: () => leave(Promise.prototype),
  asyncPrototype: () => leave(Object.getPrototypeOf(async () => {}) as object),
  generatorPrototype: () => leave(Object.getPrototypeOf(function* () {}) as object),
  iteratorPrototype: () => leave(Object.getPrototypeOf(Object.getPrototypeOf([].values())) as object),
  errorPrototype: () => leave(Error.prototype),
  error: () => leave(Error),
  json: () => leave(JSON),
  math: () => leave(Math),
  reflect: () => leave(Reflect),
  intl: () => leave(Intl.DateTimeFormat.prototype),
  url: () => leave(URL.prototype),
  abortSignal: () => leave(AbortSignal),
  console: () => leave(console),
  crypto: () => leave(crypto),
  performance: () => leave(performance),
  api: () => leave(sleep),
  apiClass: () => leave(ApplicationFailure.prototype),
  regExpStatics: () => {
    const before = String((RegExp as unknown as { $1: unknown }).$1 ?? '');
    /(secret)/.exec('a secret');
    return before;
  },
  // biome-ignore lint/suspicious/noProto: that is the way
  proto: () => leave(({} as { __proto__: object }).__proto__),
  declared: () => {
    const before = String(new Function('return typeof declared')());
    try {
      ['var declared = 1'].map(anywhere.eval);
    } catch {
      // Refused: as good as ignored.
    }
    return before === 'undefined' ? '' : before;
  },
};

/** Tries to leave something in all known ways; answers what was there before. */
function leave(target: object): string {
  const found = String((target as { leftBehind?: unknown }).leftBehind ?? '');
  const tries: (() => unknown)[] = [
    () => {
      (target as { leftBehind?: unknown }).leftBehind = 'secret';
    },
    () => Object.defineProperty(target, 'leftBehind', { value: 'secret' }),
    () => Reflect.set(target, 'leftBehind', 'secret'),
    () => Object.setPrototypeOf(target, { leftBehind: 'secret' }),
    () => Object.assign(target, { leftBehind: 'secret' }),
  ];
  for (const one of tries) {
    try {
      one();
    } catch {
      // Refused: as good as ignored.
    }
  }
  return found;
}

export async function attempt(way: string): Promise<unknown> {
  return await WAYS[way]?.();
}

export async function trace(way: string): Promise<unknown> {
  return TRACES[way]?.();
}

/** Names of both tables, for the test. */
export async function ways(): Promise<unknown> {
  return { ways: Object.keys(WAYS), traces: Object.keys(TRACES) };
}

/** Objects with traps and getters at every place where one crosses the border. */
export async function tricks(kind: string): Promise<unknown> {
  const seen: string[] = [];
  const trap = new Proxy({ a: 1 } as Record<string, unknown>, {
    get(target, key) {
      seen.push(String(key));
      return Reflect.get(target, key) as unknown;
    },
    ownKeys: (target) => {
      seen.push('keys');
      return Reflect.ownKeys(target);
    },
  });
  const thrower = new Proxy(Error('x'), {
    get() {
      throw new Error('from a trap');
    },
    getPrototypeOf() {
      throw new Error('from a trap');
    },
  });
  const writing = {
    toJSON() {
      void work('inside toJSON').catch(() => {});
      return 'written';
    },
  };
  const kinds: Record<string, () => unknown> = {
    argument: async () => void work(trap),
    result: () => trap,
    writingArgument: async () => void work(writing),
    thrown: () => {
      throw thrower;
    },
    thenable: () => ({
      // biome-ignore lint/suspicious/noThenProperty: that is the trick
      then(resolve: (value: unknown) => void) {
        resolve('by then');
      },
    }),
    details: () => {
      throw ApplicationFailure.nonRetryable('x', 'T', trap, () => {}, 1n);
    },
    cause: () => {
      throw new ApplicationFailure({ message: 'x', cause: thrower });
    },
  };
  const value = await kinds[kind]?.();
  if (kind.endsWith('rgument')) {
    await sleep(1);
    return seen;
  }
  return value;
}
