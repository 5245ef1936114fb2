// Must be evaluated before everything else of the library: gives this realm the globals that other modules take for granted.

import { TextDecoder, TextEncoder } from './text.ts';

/** Error as the engine made it: its stackTraceLimit and captureStackTrace are the library's own. */
export const NativeError: ErrorConstructor = Error;

/** All that inherit from Error, those this version of the language brought too: none may lead to the original. */
const SUBCLASSES: readonly object[] = Object.getOwnPropertyNames(globalThis)
  .map((name) => (globalThis as unknown as Record<string, unknown>)[name])
  .filter((value): value is object => typeof value === 'function' && Object.getPrototypeOf(value) === NativeError);

/**
 * Error, with writes (stackTraceLimit, prepareStackTrace) accepted and ignored: they would act on all runs.
 * A proxy, because the engine reads these from the original, and because it adds no frame to stacks.
 */
const Tamed: ErrorConstructor = new Proxy(NativeError, {
  set(target, key, value, receiver): boolean {
    return receiver === Tamed ? true : Reflect.set(target, key, value, receiver);
  },
  defineProperty: () => true,
  deleteProperty: () => true,
  setPrototypeOf: () => false,
  preventExtensions: () => false,
});

const hidden = (value: unknown): PropertyDescriptor => ({ value, writable: true, enumerable: false, configurable: true });
Object.defineProperty(NativeError.prototype, 'constructor', hidden(Tamed));
for (const Type of SUBCLASSES) Object.setPrototypeOf(Type, Tamed);
Object.defineProperty(globalThis, 'Error', hidden(Tamed));
Object.defineProperty(globalThis, 'TextEncoder', hidden(TextEncoder));
Object.defineProperty(globalThis, 'TextDecoder', hidden(TextDecoder));
