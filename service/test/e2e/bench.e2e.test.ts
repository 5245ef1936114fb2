/** `npm run bench` measures with real processes, and writes the figures that docs/benchmarks.md names. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../tidy/sources.ts';

async function bench(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, ['bench/main.ts', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    err += data;
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

test('mistakes are told before anything starts', async () => {
  expect(await bench('nothing')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/unknown scenario "nothing"\nusage: .*empty \| one \| seq/),
  });
  expect(await bench('one', '--count', '0')).toMatchObject({
    code: 1,
    err: expect.stringContaining('--count: 0 is not a whole number from 1'),
  });
});

test.skipIf(process.platform !== 'linux')('a measurement ends with all figures (needs /proc)', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-bench-'));
  try {
    const file = join(folder, 'figures.json');
    const { code, out, err } = await bench('one', '--concurrency', '4', '--count', '20', '--json', file);
    expect(code, err).toBe(0);
    expect(out).toMatch(/^scenario +one, 4 in flight, 20 runs$/m);
    const positive = expect.toSatisfy((value) => typeof value === 'number' && value > 0);
    // CPU time is counted in steps of 10 ms: 20 runs may take none.
    const some = expect.toSatisfy((value) => typeof value === 'number' && value >= 0);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toStrictEqual({
      scenario: 'one',
      concurrency: 4,
      count: 20,
      workflowsPerSecond: positive,
      activitiesPerSecond: positive,
      latencyMs: { p50: positive, p99: positive },
      cpuMicrosPerWorkflow: { service: some, worker: some, client: some, database: some },
      recordsPerCommit: positive,
      rpcsPerWorkflow: positive,
      calibration: positive,
      node: process.versions.node,
      postgres: expect.stringMatching(/^18\./),
      commit: expect.stringMatching(/^([0-9a-f]{7,}(-dirty)?|unknown)$/),
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
