/** Seeds of the simulation as tests: what the environment asks for, and what is shown of those that fail. */
import { expect, test } from 'vitest';
import { type Outcome, simulate } from './simulate.ts';

const one = number('SIM_SEED', 0);
const all = one > 0 ? 1 : number('SIM_SEEDS', 200);
const MS_PER_SEED = 20_000;
/** Every hundredth seed is run twice: the same seed must give the same events. */
const REPEAT_EVERY = 100;
/** That many reach what only some seeds do. */
const ENOUGH_SEEDS = 50;

function number(name: string, otherwise: number): number {
  const text = process.env[name];
  return text === undefined || text === '' ? otherwise : Number(text);
}

/** What somebody needs to look into a seed that failed. */
function explain({ seed, wrong, tail }: Outcome, lines: number): string {
  return [`seed ${seed} (SIM_SEED=${seed} npm test -- --project sim):`, ...wrong, '', ...tail.slice(-lines)].join('\n');
}

/** Registers the first or the second half of the seeds: two files of them share the cores. */
export function testSeeds(half: 0 | 1): void {
  const first = Math.ceil(all / 2);
  const seeds = half === 0 ? first : all - first;
  const from = (one || number('SIM_FROM', 1)) + (half === 0 ? 0 : first);
  test(`${seeds} seeds from ${from}: nothing is lost, doubled or stuck`, { timeout: 60_000 + seeds * MS_PER_SEED }, async (context) => {
    context.skip(seeds === 0, 'a single seed is run by the first half');
    await runSeeds(from, seeds);
  });
}

async function runSeeds(from: number, seeds: number): Promise<void> {
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
  if (seeds < ENOUGH_SEEDS) return;
  for (const name of ['follow-ups taken', 'follow-ups left out', 'chained', 'moved signals', 'carried', 'children left in a chain'])
    expect(totals.get(name) ?? 0, name).toBeGreaterThan(0);
}
