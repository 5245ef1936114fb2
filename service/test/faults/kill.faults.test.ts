/**
 * R-OWN-6, R-CHILD-1, R-CHILD-2, R-EXT-1, R-CHAIN-1. kill -9 of the service, the worker and PostgreSQL under load: nothing acknowledged is
 * lost, nothing happens twice; each child is started once, and its parent hears of its end.
 * KILLS (default 4) and KILL_SEED choose how often and in which order.
 */
import { expect, test } from 'vitest';
import { check } from './kill/checker.ts';
import { type Cluster, startCluster, type Victim } from './kill/cluster.ts';
import { startLoad } from './kill/load.ts';

const KILLS = Number(process.env.KILLS ?? 4);
const SEED = Number(process.env.KILL_SEED ?? 1);
const CONCURRENT = 200;
const BETWEEN = 200;
const VICTIMS: readonly Victim[] = ['service', 'database', 'worker'];

/** A small generator of repeatable choices (mulberry32). */
function choices(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test(`${KILLS} kills under ${CONCURRENT} workflows lose nothing and double nothing`, { timeout: 60_000 + KILLS * 30_000 }, async () => {
  const cluster: Cluster = await startCluster();
  try {
    const random = choices(SEED);
    const load = startLoad(cluster.address, CONCURRENT);
    const kills: Record<string, number> = { service: 0, database: 0, worker: 0 };
    for (let kill = 0; kill < KILLS; kill += 1) {
      await load.more(BETWEEN);
      // Each victim once first, then by chance; now and then in the middle of a burst.
      const victim = VICTIMS[kill < VICTIMS.length ? kill : Math.floor(random() * VICTIMS.length)] as Victim;
      await load.more(Math.floor(random() * 50));
      await cluster.kill(victim);
      kills[victim] = (kills[victim] ?? 0) + 1;
    }
    await load.more(BETWEEN);
    await load.finish();
    const problems = await check(cluster.databaseUrl, cluster.executions, load);
    process.stdout.write(
      `kills ${JSON.stringify(kills)}, orders ${load.orders.length}, families ${load.families.length}, acknowledged operations ${load.acknowledged()}, violations ${problems.length}\n`,
    );
    expect(load.families.length).toBeGreaterThan(0);
    expect(problems.slice(0, 20), cluster.output()).toEqual([]);
  } finally {
    await cluster.stop();
  }
});
