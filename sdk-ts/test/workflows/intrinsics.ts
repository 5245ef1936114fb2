// Walks all that is reachable in the sandbox.

import { sleep } from '@perdure/sdk/workflow';

const shared = globalThis as unknown as Record<string, unknown>;

/** Names of everything reachable from the global, for the allow-list of intrinsics. */
export async function reachableNames(): Promise<string[]> {
  const names = new Set<string>();
  const seen = new Set<unknown>([globalThis]);
  const walk = (value: unknown, path: string): void => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return;
    seen.add(value);
    for (const key of Reflect.ownKeys(value)) {
      if (key === 'length' || key === 'name' || key === 'constructor' || key === 'arguments' || key === 'caller') continue;
      const name = path === '' ? String(key) : `${path}.${String(key)}`;
      names.add(name);
      let member: unknown;
      try {
        member = (value as Record<PropertyKey, unknown>)[key];
      } catch {
        // A getter that wants an instance.
      }
      walk(member, name);
    }
    walk(Object.getPrototypeOf(value), `${path}.__proto__`);
  };
  const parent = Object.getPrototypeOf(globalThis) as object;
  for (const name of Object.getOwnPropertyNames(parent).sort()) {
    names.add(name);
    walk(shared[name], name);
  }
  return [...names].sort();
}

/** What is reachable and not frozen, or a plain writable property of a shared prototype. */
export async function unprotected(): Promise<string[]> {
  const found: string[] = [];
  const seen = new Set<object>();
  const walk = (value: unknown, path: string): void => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return;
    seen.add(value);
    if (!Object.isFrozen(value) && path !== 'globalThis' && path !== 'globalThis.Error') found.push(path);
    for (const key of Reflect.ownKeys(value)) {
      const property = Object.getOwnPropertyDescriptor(value, key) as PropertyDescriptor;
      for (const part of [property.value, property.get, property.set]) walk(part, `${path}.${String(key)}`);
      if (path === 'globalThis' && property.get !== undefined)
        walk((globalThis as unknown as Record<string, unknown>)[key as string], `${path}.${String(key)}`);
    }
    walk(Object.getPrototypeOf(value), `${path}.__proto__`);
  };
  const parent = Object.getPrototypeOf(globalThis) as object;
  for (const key of Object.getOwnPropertyNames(parent)) walk((globalThis as unknown as Record<string, unknown>)[key], `globalThis.${key}`);
  for (const hidden of [async () => {}, function* () {}, async function* () {}, [].values(), new Map().keys(), 'a'.matchAll(/a/g)])
    walk(Object.getPrototypeOf(hidden), 'hidden');
  walk(sleep, 'api.sleep');
  return found;
}
