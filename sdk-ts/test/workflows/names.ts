// Names that a bundler may change, and exports as CommonJS sees them.

import { count, increment, Refused as Other, viaRequire } from './names/module.ts';

class Refused extends Error {}

export async function names(): Promise<unknown> {
  const late = (
    () => () =>
      0
  )();
  Object.defineProperty(late, 'name', { value: 'late' });
  const holder = { method: () => 0 };
  const before = count;
  increment();
  const module = viaRequire();
  return {
    names: [Refused.name, Other.name, late.name, holder.method.name],
    live: [before, module.count],
    same: module.increment === increment,
    flags: [module.__esModule, Object.keys(module).includes('__esModule')],
  };
}
