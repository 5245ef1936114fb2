/** The whole service and the SDK in virtual time, seed by seed. SIM_SEED=n runs one; SIM_SEEDS=n that many. */
import { expect, test } from 'vitest';
import { simulate } from './simulate.ts';

test('many', { timeout: 600_000 }, async () => {
  const seed = Number(process.env['SIM_SEED'] ?? 0);
  const n = Number(process.env['SIM_SEEDS'] ?? 20);
  const bad: number[] = [];
  for (let s = seed || 1; s <= (seed || n); s++) {
    const from = performance.now();
    const outcome = await simulate(s);
    console.log(s, outcome.wrong, outcome.events, Math.round(outcome.duration), outcome.hash, JSON.stringify(Object.fromEntries(outcome.counts)), Math.round(performance.now() - from));
    if (seed && (outcome.wrong.length > 0 || process.env.SIM_TRACE)) console.log(outcome.tail.slice(-Number(process.env.SIM_TRACE ?? 150)).join('\n'));
    if (outcome.wrong.length) bad.push(s);
  }
  expect(bad).toEqual([]);
});
