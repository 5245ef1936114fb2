/** `npm run demo` that does not come to its end: whatever ends it, nothing runs on. Apart from demo.e2e.test.ts, beside which it runs. */
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Program, startNode } from '../support/program.ts';

const DEMO = fileURLToPath(new URL('../../../examples/subscription/demo.ts', import.meta.url));
const WITH_NODE = fileURLToPath(new URL('../../../scripts/with-node.mjs', import.meta.url));
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-demo-'));
  // PostgreSQL refuses to run as root; as another user it must be able to enter.
  chmodSync(folder, 0o711);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Every process the demo has told of so far, the database included. */
const pidsOf = (demo: Program): number[] => [...demo.stdout().matchAll(/process (\d+)/g)].map(([, pid]) => Number(pid));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test.each([
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('after %s nothing runs on', async (signal, wanted) => {
  const demo = startNode([DEMO], { cwd: folder });
  await demo.until(/started subscription-/);
  const pids = pidsOf(demo);
  expect(pids.filter(isAlive)).toEqual(pids);
  const { code, stderr } = await demo.end(signal);
  expect([code, stderr]).toEqual([wanted, '']);
  expect(pids).toHaveLength(3);
  expect(pids.filter(isAlive)).toEqual([]);
  expect(existsSync(join(folder, '.perdure/demo/holder'))).toBe(false);
});

test('under npm, whose shell ends without a word, nothing runs on either', async () => {
  const shell = "require('node:child_process').spawn(process.execPath, process.argv.slice(1), { stdio: 'inherit' })";
  const demo = startNode(['-e', shell, WITH_NODE, 'node', DEMO], { cwd: folder, env: { npm_lifecycle_event: 'demo' } });
  await demo.until(/started subscription-/);
  const pids = pidsOf(demo);
  // Resolves when nobody holds the output any more.
  await demo.end('SIGTERM');
  expect(demo.stdout()).not.toContain('result: ');
  expect(pids).toHaveLength(3);
  expect(pids.filter(isAlive)).toEqual([]);
});

test('a demo that hangs gives up, says what its processes said last, and leaves nothing', async () => {
  const demo = startNode([DEMO], { cwd: folder, env: { DEMO_LIMIT_MS: '10000' } });
  const { code, stderr } = await demo.finished;
  expect([code, stderr]).toEqual([1, expect.stringContaining('did not end within 10 s')]);
  expect(pidsOf(demo).length).toBeGreaterThan(0);
  expect(pidsOf(demo).filter(isAlive)).toEqual([]);
});
