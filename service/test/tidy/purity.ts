// Which outside world a file may touch. The core touches nothing; the roles touch only what Env gives, so that simulation owns time and chance.
import { codeOnly, findAll, isIn, type Source } from './sources.ts';

const clocks = /\bDate\.now\b|\bnew Date\(\s*\)|\bnew Date\b(?!\s*\()|(?<!new )\bDate\(|\bperformance\.|\bprocess\.hrtime\b/g;
const timers = /\b(?:setTimeout|setInterval|setImmediate|nextTick)\b|['"]node:timers/g;
const chance = /\bMath\.random\b|\brandomUUID\b|\brandomBytes\b|\brandomInt\b|\bgetRandomValues\b/g;
const asynchrony = /\basync\b|\bawait\b|\bPromise\b/g;
const outputs = /\bconsole\.|\bprocess\.|\bfetch\(/g;
const environment = /\bprocess\.env\b|\bprocess\[/g;

const rules: readonly { readonly what: string; readonly pattern: RegExp; readonly applies: (path: string) => boolean }[] = [
  { what: 'clock', pattern: clocks, applies: byEnvOnly },
  { what: 'timer', pattern: timers, applies: byEnvOnly },
  { what: 'randomness', pattern: chance, applies: byEnvOnly },
  { what: 'async in the core', pattern: asynchrony, applies: (path) => isIn(path, 'service/src/core') },
  { what: 'output from the core', pattern: outputs, applies: (path) => isIn(path, 'service/src/core') },
  {
    what: 'environment',
    pattern: environment,
    applies: (path) => isIn(path, 'service/src', 'sdk-ts/src') && path !== 'service/src/config.ts',
  },
];

/** Code of which simulations must own the time: everything above the real Env and above the drivers. */
function byEnvOnly(path: string): boolean {
  const roles = ['core', 'history', 'matching', 'frontend', 'store/memory', 'roles.ts', 'env.ts', 'tokens.ts'].map(
    (name) => `service/src/${name}`,
  );
  const sdk = ['client', 'worker', 'activity', 'common'].map((name) => `sdk-ts/src/${name}`);
  return isIn(path, ...roles, ...sdk) && path !== 'sdk-ts/src/common/clock.ts';
}

/** Every use of the outside world that breaks a rule. */
export function purityViolations(files: readonly Source[]): string[] {
  return files.flatMap((file) => {
    const code = codeOnly(file.text);
    return rules.filter((rule) => rule.applies(file.path)).flatMap((rule) => findAll(file, code, rule.pattern, rule.what));
  });
}
