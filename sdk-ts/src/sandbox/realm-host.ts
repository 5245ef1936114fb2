// The host's side of one sandbox context: makes it, enters it, and knows when it must be thrown away.

import { AsyncLocalStorage } from 'node:async_hooks';
import vm from 'node:vm';
import type { EngineOptions } from '../worker/engine.ts';
import type { ScopeNode } from '../workflow/run.ts';
import type { Door, LibraryHost, LibrarySettings, UserFactory } from './border.ts';

/** Name of the library's script in stacks. */
export const LIBRARY_SCRIPT = 'perdure-library.js';
const ENTRY = new vm.Script('__perdureEnter()', { filename: 'perdure-entry.js' });
const scopes = new AsyncLocalStorage<ScopeNode>();
/** Which run an unhandled rejection belongs to. */
export const entries: AsyncLocalStorage<EnteredRun> = new AsyncLocalStorage();

export interface EnteredRun {
  readonly runId: string;
  readonly workflowType: string;
  /** Set after the entry: whether it ended in a block of the log. */
  replaying: boolean;
  onUnhandled(reason: unknown, replaying: boolean): void;
}

/** For entries that belong to no run. */
export function nobody(): EnteredRun {
  return { runId: '', workflowType: '', replaying: false, onUnhandled: () => {} };
}

/** Calls without a Buffer around the array. */
const { utf8Slice, utf8Write } = Buffer.prototype as unknown as {
  utf8Slice(this: Uint8Array, from: number, to: number): string;
  utf8Write(this: Uint8Array, text: string, at: number, length: number): number;
};
const strictDecoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

const host: LibraryHost = {
  runInScope: (scope, fn) => scopes.run(scope, fn),
  currentScope: () => scopes.getStore(),
  parseUrl,
  utf8Length: (text) => Buffer.byteLength(text),
  utf8Write: (text, target, at) => utf8Write.call(target, text, at, target.length - at),
  utf8Read: (bytes, from, to) => utf8Slice.call(bytes, from, to),
  utf8ReadStrictly(bytes) {
    try {
      return strictDecoder.decode(bytes);
    } catch {
      return undefined;
    }
  },
};

function parseUrl(input: string, base: string, part: string, value: string): string {
  try {
    const url = base === '' ? new URL(input) : new URL(input, base);
    if (part !== '') (url as unknown as Record<string, string>)[part] = value;
    const { href, protocol, username, password, host: authority, hostname, port, pathname, search, hash, origin } = url;
    return JSON.stringify({ href, protocol, username, password, host: authority, hostname, port, pathname, search, hash, origin });
  } catch {
    return '';
  }
}

/** One context with the library and the user's bundle in it. */
export interface Realm {
  readonly door: Door;
  /** Runs the entry script, and with it every promise reaction that is due. Throws only when `timeoutMs` ran out. */
  enter(run: EnteredRun, timeoutMs: number | undefined): number;
  alloc(bytes: Uint8Array): Uint8Array;
}

/** Makes a context. Throws when the bundle cannot be evaluated at all. */
export function createRealm(options: EngineOptions): Realm {
  const { bundle } = options;
  const context = vm.createContext(vm.constants.DONT_CONTEXTIFY, { microtaskMode: 'afterEvaluate' });
  const library = new vm.Script(bundle.library, { filename: LIBRARY_SCRIPT }).runInContext(context) as {
    createLibrary(host: LibraryHost, factory: UserFactory, shared: UserFactory, settings: LibrarySettings): Door;
  };
  const settings: LibrarySettings = {
    namespace: options.namespace,
    script: bundle.name,
    buildId: options.buildId ?? '',
    strict: options.strict ?? false,
    failureTypes: options.failureTypes ?? {},
    modules: bundle.modules,
    converterModule: bundle.converterModule ?? '',
    interceptorModules: bundle.interceptorModules ?? [],
  };
  // Made inside from text: an object of the host would be a way out.
  const inside = vm.runInContext(`(${JSON.stringify(settings)})`, context) as LibrarySettings;
  const factory = evaluateFactory(context, bundle.code, bundle.name);
  const shared = evaluateFactory(context, bundle.shared ?? '', 'perdure-shared.js');
  const door = library.createLibrary(host, factory, shared, inside);
  return {
    door,
    enter(run, timeoutMs) {
      entries.run(run, runEntry, context, timeoutMs);
      return door.status();
    },
    alloc(bytes) {
      const copy = door.alloc(bytes.length);
      Uint8Array.prototype.set.call(copy, bytes);
      return copy;
    },
  };
}

/** A function around a CommonJS bundle. Its parameters hide what must be the run's own, or nobody's. */
function evaluateFactory(context: vm.Context, code: string, filename: string): UserFactory {
  const parameters = '__perdureApi, __perdureShared, globalThis, self, global';
  const own = 'const module = { exports: {} }; let exports = module.exports; const __perdureEnter = undefined;';
  const wrapped = `(function (${parameters}) { ${own}\n${code}\nreturn module.exports; })`;
  return new vm.Script(wrapped, { filename, lineOffset: -1 }).runInContext(context) as UserFactory;
}

function runEntry(context: vm.Context, timeout: number | undefined): void {
  if (timeout === undefined) ENTRY.runInContext(context);
  else ENTRY.runInContext(context, { timeout });
}
