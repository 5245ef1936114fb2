// Holds clocks, timers, randomness and asynchrony out of the code that simulation runs.
import { expect, test } from 'vitest';
import { purityViolations } from './purity.ts';
import { isTest, sources } from './sources.ts';

test('time and chance come from Env only', () => {
  const files = [...sources('service/src'), ...sources('sdk-ts/src')].filter(({ path }) => !isTest(path));
  expect(purityViolations(files)).toEqual([]);
});

test.each([
  ['service/src/core/timer.ts', 'const now = Date.now();'],
  ['service/src/core/timer.ts', 'const now = new Date();'],
  ['service/src/core/timer.ts', 'export async function step() {}'],
  ['service/src/core/timer.ts', 'console.log(1);'],
  ['service/src/history/timers.ts', 'setTimeout(run, 5);'],
  ['service/src/history/timers.ts', 'const half = Math.random();'],
  ['service/src/frontend/start.ts', 'const id = crypto.randomUUID();'],
  ['service/src/matching/service.ts', 'const t = performance.now();'],
  ['service/src/rpc/server.ts', 'const home = process.env.HOME;'],
  ['sdk-ts/src/worker/worker.ts', 'const home = process.env.HOME;'],
])('%s is refused: %s', (path, text) => {
  expect(purityViolations([{ path, text }]).length).toBeGreaterThan(0);
});

test.each([
  ['service/src/core/cron.ts', 'const day = new Date(ms).getUTCDay(); // not Date.now()'],
  ['service/src/core/cron.ts', `const text = 'await Math.random()';`],
  ['service/src/frontend/start.ts', 'export async function start() { await history.start(); }'],
  ['service/src/env-real.ts', 'const now = Date.now();'],
  ['service/src/config.ts', 'const all = process.env;'],
])('%s is accepted: %s', (path, text) => {
  expect(purityViolations([{ path, text }])).toEqual([]);
});
