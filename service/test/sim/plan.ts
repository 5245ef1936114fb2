/** What a seed's world is like: how much goes wrong, and which sizes apply. Drawn once, so that a seed says it all. */
import { DEFAULT_NAMESPACE } from '../../src/store/seed.ts';
import type { Random } from './random.ts';

/** Probabilities per call unless said otherwise. */
export interface StoreFaultRates {
  /** Certainly not applied. */
  readonly abort: number;
  /** The connection breaks before the statement arrives. */
  readonly lostBefore: number;
  /** Applied, but nobody hears of it. */
  readonly lostAfter: number;
  /** The connection breaks; the statement is applied some time later. */
  readonly late: number;
  readonly down: number;
  /** Takes up to `slowMs`. */
  readonly slow: number;
  readonly slowMs: number;
  /** The process dies as it makes the call, before or after it is applied, or it is applied when the process is long dead. */
  readonly crash: number;
  /** A run's records are refused for a while. */
  readonly poison: number;
}

export interface RpcFaultRates {
  readonly lostRequest: number;
  readonly lostAnswer: number;
  /** The request arrives twice. */
  readonly repeated: number;
  readonly slow: number;
  readonly slowMs: number;
}

export interface Plan {
  /** Nothing goes wrong at all. */
  readonly calm: boolean;
  /** Of closed runs. Namespaces after the first have less, see `retentionOf`. */
  readonly retentionMs: number;
  readonly store: StoreFaultRates;
  readonly rpc: RpcFaultRates;
  /** Mean ms between crashes; Infinity for none. */
  readonly serviceCrashEvery: number;
  readonly serviceFreezeEvery: number;
  readonly freezeMs: number;
  readonly workerCrashEvery: number;
  /** Share of ends of processes that are orderly shutdowns. */
  readonly orderly: number;
  /** The service's wall clock is off by up to this, another value after each start. */
  readonly clockOffset: number;
  /** From then on nothing goes wrong. */
  readonly faultsEnd: number;
  readonly workers: number;
  /** Tenants: the first so many of NAMESPACES. Workers and customers come to them in turn. */
  readonly namespaces: number;
  /** Share of worker processes that run code with an error, until the faults end. */
  readonly flawed: number;
  readonly runs: number;
  /** No process dies: what was given out may be lost on its way only. */
  readonly trust: boolean;
  /** Workers live on, and nothing keeps them from saying so but the ends of the service. */
  readonly gentle: boolean;
  /** Customers come in crowds. */
  readonly crowded: boolean;
  /** Some payloads are so large that their changes take the second lane. */
  readonly heavy: boolean;
  /** Workflow ids are shared by several starts. */
  readonly sharedIds: boolean;
  readonly cacheBytes: number;
  readonly concurrency: number;
  readonly coolAfterMs: number;
  readonly scanEveryMs: number;
  readonly scanAheadMs: number;
  /** Closed runs are awaited until they are purged. */
  readonly untilPurged: boolean;
}

/** The default one, and one that is made for it. */
export const NAMESPACES: readonly { readonly name: string; readonly namespaceId: string }[] = [
  DEFAULT_NAMESPACE,
  { name: 'second', namespaceId: '00000000-0000-7000-8000-0000000005ec' },
];

/** Draws the plan. Every tenth seed is without faults. */
export function drawPlan(seed: number, random: Random): Plan {
  const calm = seed % 10 === 0;
  const untilPurged = seed % 100 === 3;
  // A purge is an hour away: not with a scan every second.
  const scanEveryMs = untilPurged || random.chance(0.5) ? 30_000 : random.between(1_000, 10_000);
  // Each kind of fault is there or not: faults that never come alone hide each other.
  const some = (most: number): number => (calm || random.chance(0.5) ? 0 : most * random.next());
  const every = (least: number, most: number): number =>
    calm || random.chance(0.4) ? Number.POSITIVE_INFINITY : random.between(least, most);
  // Worlds in which no process dies: nothing excuses a task that never comes.
  const trust = seed % 8 === 5;
  const store: StoreFaultRates = {
    abort: some(0.2),
    lostBefore: some(0.05),
    lostAfter: some(0.05),
    late: some(0.05),
    down: some(0.03),
    slow: some(0.1),
    slowMs: random.between(100, 9_000),
    crash: trust ? 0 : some(0.03),
    // An end that is refused twice leaves its attempt to the time-out.
    poison: trust ? 0 : some(0.01),
  };
  const gentle = random.chance(0.2);
  const rpc: RpcFaultRates = gentle
    ? { lostRequest: 0, lostAnswer: 0, repeated: 0, slow: 0, slowMs: 0 }
    : { lostRequest: some(0.08), lostAnswer: some(0.08), repeated: some(0.1), slow: some(0.1), slowMs: random.between(50, 3_000) };
  const never = Number.POSITIVE_INFINITY;
  const serviceCrashEvery = trust ? never : every(2_000, 60_000);
  const workerCrashEvery = gentle || trust ? never : every(2_000, 40_000);
  const namespaces = random.chance(0.3) ? 2 : 1;
  return {
    calm,
    gentle,
    trust,
    retentionMs: 3_600_000,
    store: gentle ? { ...store, abort: 0, lostBefore: 0, lostAfter: 0, late: 0, down: 0, slow: 0, poison: 0 } : store,
    rpc,
    serviceCrashEvery,
    serviceFreezeEvery: gentle ? never : every(10_000, 60_000),
    freezeMs: random.between(500, 20_000),
    workerCrashEvery,
    orderly: random.next(),
    clockOffset: calm || random.chance(0.5) ? 0 : random.between(0, 5_000),
    faultsEnd: random.between(20_000, 120_000),
    workers: Math.max(namespaces, 1 + random.below(3)),
    namespaces,
    // They end to be corrected, which those that live on must not.
    flawed: gentle || trust ? 0 : some(1),
    runs: 6 + random.below(14),
    crowded: random.chance(0.5),
    heavy: random.chance(0.3),
    sharedIds: random.chance(0.4),
    cacheBytes: random.chance(0.3) ? 1 + random.below(20_000) : 1_000_000,
    concurrency: random.chance(0.3) ? 1 + random.below(3) : 20,
    coolAfterMs: random.chance(0.5) ? random.between(200, 2_000) : 5_000,
    scanEveryMs,
    scanAheadMs: scanEveryMs * random.between(1.2, 3),
    untilPurged,
  };
}

/** Ms for which a namespace, by its number, keeps closed runs. */
export function retentionOf(plan: Plan, number: number): number {
  return plan.retentionMs / (number + 1);
}
