/**
 * R-COMMIT-3, R-OWN-5, R-OWN-6, R-LOG-7. The whole service and the SDK in virtual time, seed by seed: SIM_SEEDS=n runs that many (default 200), SIM_FROM=n begins there,
 * SIM_SEED=n runs one and prints the end of its trace (SIM_TRACE=n lines).
 *
 * Held here under crashes, freezes, lost messages and statements that fail, are late or happen unheard of: R-COMMIT-1, R-COMMIT-3,
 * R-COMMIT-4, R-COMMIT-5, R-COMMIT-6, R-OWN-1, R-OWN-5, R-OWN-6, R-DUE-2, R-DUE-3, R-MATCH-1, R-CLOSE-2, R-CLOSE-5, R-ACT-6, R-ACT-9,
 * R-ACT-11, R-TIMER-1, R-TIMER-2, R-SIGNAL-1, R-SIGNAL-2, R-CANCEL-1, R-QUERY-2, R-TASK-4, R-TASK-6, R-TASK-8, R-REPLAY-1.
 */
import { expect, test } from 'vitest';
import { type Outcome, simulate } from './simulate.ts';

const one = number('SIM_SEED', 0);
const from = one || number('SIM_FROM', 1);
const seeds = one > 0 ? 1 : number('SIM_SEEDS', 200);
const MS_PER_SEED = 20_000;
/** Every hundredth seed is run twice: the same seed must give the same events. */
const REPEAT_EVERY = 100;

function number(name: string, otherwise: number): number {
  const text = process.env[name];
  return text === undefined || text === '' ? otherwise : Number(text);
}

/** What somebody needs to look into a seed that failed. */
function explain({ seed, wrong, tail }: Outcome, lines: number): string {
  return [`seed ${seed} (SIM_SEED=${seed} npm test -- --project sim):`, ...wrong, '', ...tail.slice(-lines)].join('\n');
}

test(`${seeds} seeds from ${from}: nothing is lost, doubled or stuck`, { timeout: 60_000 + seeds * MS_PER_SEED }, async () => {
  const totals = new Map<string, number>();
  const failures: string[] = [];
  const began = performance.now();
  for (let seed = from; seed < from + seeds; seed += 1) {
    const outcome = await simulate(seed);
    for (const [name, count] of outcome.counts) totals.set(name, (totals.get(name) ?? 0) + count);
    totals.set('events', (totals.get('events') ?? 0) + outcome.events);
    totals.set('virtual minutes', (totals.get('virtual minutes') ?? 0) + outcome.duration / 60_000);
    if (outcome.wrong.length > 0) failures.push(explain(outcome, number('SIM_TRACE', 40)));
    else if (one > 0) console.log(explain(outcome, number('SIM_TRACE', 0)));
    if (seed % REPEAT_EVERY !== 0 && one === 0) continue;
    const again = await simulate(seed);
    if (again.hash !== outcome.hash) failures.push(`seed ${seed} is not the same twice: ${outcome.hash}, ${again.hash}`);
  }
  const lines = [...totals].sort().map(([name, total]) => `${name} ${Math.round(total)}`);
  console.log(`${seeds} seeds in ${((performance.now() - began) / 1_000).toFixed(0)} s: ${lines.join(', ')}`);
  expect(failures.length, failures.join('\n\n')).toBe(0);
});
