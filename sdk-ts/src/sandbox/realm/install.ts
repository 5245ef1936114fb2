// Makes a bare realm into the one workflow code sees: deterministic where it can be, a clear error where it cannot.

import { log } from '../../workflow/log.ts';
import { nextFloat, nextUint32, nextUuid, type RandomState } from '../../workflow/random.ts';
import { activeRun } from '../../workflow/run.ts';
import { clearTimeout, setTimeout } from '../../workflow/timer.ts';
import { atob, btoa } from './base64.ts';
import { structuredClone } from './clone.ts';
import { installDate } from './date.ts';
import { AbortController, AbortSignal, DOMException, Event, EventTarget, installAbortTimeout, onListenerError } from './events.ts';
import { NativeError } from './globals.ts';
import { removeGlobals } from './harden.ts';
import { installIntl } from './intl.ts';
import { URL, URLSearchParams } from './url.ts';

/** What is missing on purpose, with what to do instead. */
const FORBIDDEN: Record<string, string> = {
  fetch: 'do this in an activity',
  setInterval: 'write a loop with sleep()',
  setImmediate: 'use sleep() or a promise',
  clearInterval: 'write a loop with sleep()',
  clearImmediate: 'use sleep() or a promise',
  XMLHttpRequest: 'do this in an activity',
  WebSocket: 'do this in an activity',
};

/** Names that are not defined here; a ReferenceError about one gets this advice. */
export const ABSENT: Readonly<Record<string, string>> = {
  process: 'do this in an activity, or pass the value as an argument',
  require: 'import at the top of the workflow file; what is not known when it is bundled cannot be imported',
  Buffer: 'use Uint8Array, TextEncoder and TextDecoder',
  __dirname: 'do this in an activity',
  __filename: 'do this in an activity',
  WeakRef: 'when objects are collected differs between replays',
  FinalizationRegistry: 'when objects are collected differs between replays',
  SharedArrayBuffer: 'workflow code has one thread',
  Atomics: 'workflow code has one thread',
  WebAssembly: 'do this in an activity',
};

export function install(global: typeof globalThis): void {
  removeGlobals(global);
  const now = (): number => activeRun()?.now ?? 0;
  installDate(global, now);
  installIntl(global, now);
  installRandom(global);
  installAbortTimeout(setTimeout);
  onListenerError((error) => log.error(`an event listener failed: ${String(error)}`));
  define(global, {
    setTimeout,
    clearTimeout,
    structuredClone,
    atob,
    btoa,
    AbortController,
    AbortSignal,
    DOMException,
    Event,
    EventTarget,
    URL,
    URLSearchParams,
    TextEncoder: global.TextEncoder,
    TextDecoder: global.TextDecoder,
    queueMicrotask: enqueue,
    performance: { now: () => now() - (activeRun()?.startTime ?? 0), timeOrigin: 0 },
    console: createConsole(),
  });
  for (const [name, advice] of Object.entries(FORBIDDEN)) define(global, { [name]: forbidden(name, advice) });
}

function define(global: object, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(global, name, { value, writable: true, enumerable: false, configurable: true });
  }
}

function forbidden(name: string, advice: string): () => never {
  return function unavailable(): never {
    const error = new Error(`${name} is not available in workflow code: ${advice}`);
    // The first line of the stack should be the caller's.
    NativeError.captureStackTrace(error, unavailable);
    throw error;
  };
}

const resolved = Promise.resolve();

function enqueue(callback: () => void): void {
  if (typeof callback !== 'function') throw new TypeError('queueMicrotask: the callback must be a function');
  void resolved.then(() => callback());
}

/** Outside a run (module code measured at start) a fixed stream. */
const spare: RandomState = [1, 2, 3, 4];

function installRandom(global: typeof globalThis): void {
  const state = (): RandomState => activeRun()?.random ?? spare;
  define(global.Math, { random: () => nextFloat(state()) });
  const crypto = {
    randomUUID: () => nextUuid(state()),
    getRandomValues<T extends ArrayBufferView>(array: T): T {
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      for (let at = 0; at < bytes.length; at += 1) bytes[at] = nextUint32(state()) >>> 24;
      return array;
    },
  };
  define(global, { crypto });
}

function createConsole(): Record<string, unknown> {
  const line =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (...args: unknown[]): void =>
      log[level](args.map(show).join(' '));
  const nothing = (): void => {};
  return {
    log: line('info'),
    info: line('info'),
    debug: line('debug'),
    trace: line('debug'),
    warn: line('warn'),
    error: line('error'),
    dir: line('info'),
    table: line('info'),
    assert: (value: unknown, ...args: unknown[]): void => {
      if (!value) log.error(`Assertion failed: ${args.map(show).join(' ')}`);
    },
    group: line('info'),
    groupEnd: nothing,
    time: nothing,
    timeEnd: nothing,
    timeLog: nothing,
    count: nothing,
  };
}

function show(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return value.stack ?? String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
