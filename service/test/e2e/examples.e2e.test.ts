/** Each folder of examples/ that has a main.ts runs to its end against one service; the subscription and the quick start have tests of their own. */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startNode } from '../support/program.ts';
import { type Stage, setStage } from '../support/stage.ts';

const folder = fileURLToPath(new URL('../../../examples/', import.meta.url));
const names = readdirSync(folder).filter((name) => existsSync(`${folder}${name}/main.ts`));

let stage: Stage;
beforeAll(async () => {
  stage = await setStage();
}, 60_000);
afterAll(() => stage.close(), 60_000);

test.each(names)('%s', { timeout: 60_000 }, async (name) => {
  const { code, stdout, stderr } = await startNode([`${folder}${name}/main.ts`], { env: { PERDURE_ADDRESS: stage.address } }).finished;
  expect(stdout + stderr).toContain('The example ends as it should.\n');
  expect(code).toBe(0);
});
