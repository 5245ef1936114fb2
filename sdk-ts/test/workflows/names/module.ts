// A module that is imported and required.

declare const require: (path: string) => { readonly count: number; readonly increment: unknown; readonly __esModule: boolean };

export let count = 0;

export function increment(): void {
  count += 1;
}

export class Refused extends Error {}

export function viaRequire(): ReturnType<typeof require> {
  return require('./module.ts');
}
