/** `npm run demo`, with its data in a temporary folder. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startNode } from '../support/program.ts';

const DEMO = fileURLToPath(new URL('../../../examples/subscription/demo.ts', import.meta.url));
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-demo-'));
  // PostgreSQL refuses to run as root; as another user it must be able to enter.
  chmodSync(folder, 0o711);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a subscription survives kill -9 of service and worker, and the books are right', async () => {
  const { code, stdout, stderr } = await startNode([DEMO], { cwd: folder }).finished;
  expect([code, stderr], stdout).toEqual([0, '']);
  expect(stdout).toContain('kill -9: service and worker, now');
  expect(stdout.match(/^✓ /gm)).toHaveLength(8);
}, 150_000);
