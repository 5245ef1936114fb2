// structuredClone made of the sandbox's own objects.

import { DOMException } from './events.ts';

const ERRORS: Record<string, ErrorConstructor> = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

/** A deep copy; throws DataCloneError for functions, symbols and what has hidden state. */
export function structuredClone<T>(value: T): T {
  return copy(value, new Map()) as T;
}

function refuse(value: unknown): never {
  const what = typeof value === 'object' ? Object.prototype.toString.call(value) : String(value);
  throw new DOMException(`${what} could not be cloned.`, 'DataCloneError');
}

function copy(value: unknown, seen: Map<object, unknown>): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') refuse(value);
  if (typeof value !== 'object' || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  const keep = <V>(made: V): V => {
    seen.set(value, made);
    return made;
  };
  if (value instanceof Date) return keep(new Date(value.getTime()));
  if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
  if (value instanceof Boolean || value instanceof Number || value instanceof String) return keep(Object(value.valueOf()));
  if (value instanceof ArrayBuffer) return keep(value.slice(0));
  if (ArrayBuffer.isView(value)) return copyView(value, seen, keep);
  if (value instanceof Map) {
    const made = keep(new Map());
    for (const [key, item] of value) made.set(copy(key, seen), copy(item, seen));
    return made;
  }
  if (value instanceof Set) {
    const made = keep(new Set());
    for (const item of value) made.add(copy(item, seen));
    return made;
  }
  if (value instanceof Error) return copyError(value, seen, keep);
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet) refuse(value);
  const made = keep((Array.isArray(value) ? new Array(value.length) : {}) as Record<string, unknown>);
  for (const key of Object.keys(value)) made[key] = copy((value as Record<string, unknown>)[key], seen);
  return made;
}

function copyView(value: ArrayBufferView, seen: Map<object, unknown>, keep: <V>(made: V) => V): unknown {
  const buffer = copy(value.buffer, seen) as ArrayBuffer;
  const length = value instanceof DataView ? value.byteLength : (value as Uint8Array).length;
  const Type = value.constructor as new (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView;
  return keep(new Type(buffer, value.byteOffset, length));
}

function copyError(value: Error, seen: Map<object, unknown>, keep: <V>(made: V) => V): Error {
  const Type = ERRORS[value.name] ?? Error;
  const made = keep(new Type(value.message));
  const hidden = (name: string, item: unknown): unknown =>
    Object.defineProperty(made, name, { value: item, writable: true, configurable: true, enumerable: false });
  hidden('stack', value.stack);
  if ('cause' in value) hidden('cause', copy(value.cause, seen));
  return made;
}
