// Freezes everything that runs share, so that no run can reach another through it.
//
// Plain freezing would break ordinary code: `this.name = 'MyError'` fails when Error.prototype.name is read-only. So the data properties of
// shared prototypes become accessors first: reading answers the value, assigning defines an own property on the receiver.

const define = Object.defineProperty;
const { ownKeys } = Reflect;
const hasOwn = Object.hasOwn;

/** Names that must not exist: they let in the machine, other threads, the garbage collector or another run. */
export const REMOVED: readonly string[] = [
  'WeakRef',
  'FinalizationRegistry',
  'SharedArrayBuffer',
  'Atomics',
  'WebAssembly',
  'Temporal',
  'ShadowRealm',
];
const REGEXP_STATICS = ['$_', '$&', "$'", '$`', '$+', 'input', 'lastMatch', 'lastParen', 'leftContext', 'rightContext'];

/**
 * Properties that stay plain: nobody assigns them on instances, and the engine's fast paths for promises, iterating, spreading, array methods
 * and views of typed arrays depend on them.
 */
const PLAIN: ReadonlyMap<object, readonly PropertyKey[]> = new Map<object, readonly PropertyKey[]>([
  [Promise.prototype, ['then', 'constructor']],
  [Array.prototype, ['constructor', Symbol.iterator]],
  [ArrayBuffer.prototype, ['constructor']],
  ...[[], new Map(), new Set(), ''].map((list) => [Object.getPrototypeOf(list[Symbol.iterator]()) as object, ['next']] as const),
  ...typedArrayPrototypes().map((prototype) => [prototype, ['constructor', Symbol.iterator]] as const),
]);

/** Nothing but primitive values inherits from these, and those cannot be assigned to: a plain property costs an accessor's call less. */
const OF_PRIMITIVES: readonly object[] = [String.prototype, Number.prototype, Boolean.prototype, Symbol.prototype, BigInt.prototype];

function typedArrayPrototypes(): object[] {
  const parent = Object.getPrototypeOf(Uint8Array) as { prototype: object };
  const kinds = Object.getOwnPropertyNames(globalThis).map((name) => (globalThis as unknown as Record<string, unknown>)[name]);
  const own = kinds.filter((kind): kind is { prototype: object } => typeof kind === 'function' && Object.getPrototypeOf(kind) === parent);
  return [parent.prototype, ...own.map(({ prototype }) => prototype)];
}

/** Removes what must not be reachable. */
export function removeGlobals(global: typeof globalThis): void {
  for (const name of REMOVED) Reflect.deleteProperty(global, name);
  for (const name of [...REGEXP_STATICS, ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `$${n}`)]) Reflect.deleteProperty(RegExp, name);
}

/** Objects that the language hands out but no global names. */
function hiddenIntrinsics(): object[] {
  const { getPrototypeOf } = Object;
  const samples: object[] = [
    [][Symbol.iterator](),
    new Map()[Symbol.iterator](),
    new Set()[Symbol.iterator](),
    ''[Symbol.iterator](),
    'a'.matchAll(/a/g),
    (function* () {})(),
    (async function* () {})(),
    ...iteratorHelpers(),
    new Intl.Segmenter().segment('a'),
    new Intl.Segmenter().segment('a')[Symbol.iterator](),
  ];
  return [...samples.map((sample) => getPrototypeOf(sample) as object), async () => {}, function* () {}, async function* () {}];
}

/** Iterator helpers, where this engine has them (not yet in the types of the language version we compile for). */
function iteratorHelpers(): object[] {
  const { Iterator: helpers } = globalThis as { Iterator?: { from(source: object): { map(fn: (value: unknown) => unknown): object } } };
  if (helpers === undefined) return [];
  const wrapped = helpers.from({ next: () => ({ done: true, value: undefined }) });
  return [wrapped, wrapped.map((value) => value)];
}

/** Everything reachable from the given objects, with those that serve as prototypes. */
export function reachable(roots: readonly object[]): { all: Set<object>; prototypes: Set<object> } {
  const all = new Set<object>();
  const prototypes = new Set<object>();
  const queue: object[] = [...roots];
  const visit = (value: unknown): void => {
    if ((typeof value === 'object' && value !== null) || typeof value === 'function') queue.push(value);
  };
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (all.has(next)) continue;
    all.add(next);
    const proto: unknown = Object.getPrototypeOf(next);
    if (proto !== null) prototypes.add(proto as object);
    visit(proto);
    for (const key of ownKeys(next)) {
      const property = Object.getOwnPropertyDescriptor(next, key) as PropertyDescriptor;
      if (key === 'prototype' && typeof property.value === 'object' && property.value !== null) prototypes.add(property.value);
      visit(property.value);
      visit(property.get);
      visit(property.set);
    }
  }
  return { all, prototypes };
}

/** Turns data properties into accessors whose setter defines an own property on the receiver. */
function enableOverride(target: object): void {
  if (OF_PRIMITIVES.includes(target)) return;
  const plain = PLAIN.get(target) ?? [];
  for (const key of ownKeys(target)) {
    const property = Object.getOwnPropertyDescriptor(target, key) as PropertyDescriptor;
    if (!('value' in property) || !property.configurable || plain.includes(key)) continue;
    define(target, key, overridable(target, key, property.value, property.enumerable ?? false));
  }
}

function overridable(target: object, key: PropertyKey, value: unknown, enumerable: boolean): PropertyDescriptor {
  const access = {
    get() {
      return value;
    },
    set(this: unknown, next: unknown) {
      if (this === target) throw new TypeError(`Cannot assign to property '${String(key)}': it is shared by all workflows`);
      if ((typeof this !== 'object' && typeof this !== 'function') || this === null) return;
      if (hasOwn(this, key)) (this as Record<PropertyKey, unknown>)[key] = next;
      else define(this, key, { value: next, writable: true, enumerable: true, configurable: true });
    },
  };
  // The convention by which libraries that walk intrinsics (get-intrinsic) know that this stands for a data property.
  define(access.get, 'originalValue', { value });
  return { get: Object.freeze(access.get), set: Object.freeze(access.set), enumerable, configurable: false };
}

/** Freezes the global, all it reaches and `more`; what is in `guarded` protects itself. */
export function harden(global: typeof globalThis, more: readonly object[], guarded: readonly object[]): void {
  const { all, prototypes } = reachable([global, ...hiddenIntrinsics(), ...more]);
  for (const target of prototypes) if (typeof target === 'object' || target === Function.prototype) enableOverride(target);
  // Typed arrays with elements cannot be frozen; none is reachable here. The global is frozen last.
  for (const target of all) if (!guarded.includes(target)) Object.freeze(target);
}

/** The parent of every run's globalThis: reads answer the shared values, writes stay in the run. */
export function createGlobalParent(global: typeof globalThis): object {
  const parent = Object.create(Object.prototype) as object;
  for (const key of ownKeys(global)) {
    if (key === 'globalThis' || String(key).startsWith('__perdure')) continue;
    define(parent, key, overridable(parent, key, (global as unknown as Record<PropertyKey, unknown>)[key], false));
  }
  return parent;
}

/** A run's own globalThis. */
export function createRunGlobal(parent: object): object {
  const own = Object.create(parent) as object;
  for (const name of ['globalThis', 'self', 'global'])
    define(own, name, { value: own, writable: true, enumerable: false, configurable: true });
  return own;
}
