// What the types of the SDK allow and refuse: sdk-ts/test/types is compiled, where each wrong use must be an error.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const folder = fileURLToPath(new URL('../../test/types', import.meta.url));
const tsc = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url));

test('R-SDK-5: wrong arguments, names and options do not compile, right ones do', { timeout: 120_000 }, () => {
  expect(existsSync(tsc)).toBe(true);
  let errors = '';
  try {
    execFileSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  } catch (error) {
    errors = String((error as { stdout?: unknown }).stdout);
  }
  expect(errors).toBe('');
  expect(readFileSync(`${folder}/wrong.ts`, 'utf8').match(/@ts-expect-error/g)?.length).toBeGreaterThan(40);
});
