/**
 * A process's way to the database, with everything that can go wrong on it. The database itself never fails: statements
 * happen wholly or not at all, but they may be lost, late, or happen without anybody hearing of it.
 */
import type { MemoryDatabase } from '../../src/store/memory/database.ts';
import { createMemoryStore } from '../../src/store/memory/store.ts';
import { type CommitRecord, type Store, StoreError } from '../../src/store/store.ts';
import type { StoreFaultRates } from './plan.ts';
import { EPOCH, type Incarnation, type World } from './world.ts';

const LATE_MS = 30_000;
const POISON_MS = 2_000;

type Method = Exclude<keyof Store, 'close'>;

/** What the stores of all incarnations share. */
export interface StoreHost {
  readonly world: World;
  readonly database: MemoryDatabase;
  /** Rates now; they change when the faults end. */
  rates(): StoreFaultRates;
  /** The process dies here. */
  crash(incarnation: Incarnation): void;
  /** Something that must never happen. */
  report(problem: string): void;
  /** A commit has been applied: invariants are looked at. */
  applied(records: readonly CommitRecord[]): void;
  readonly counts: Map<string, number>;
  /** Runs whose records are refused, until when. */
  readonly poisoned: Map<string, number>;
}

type Fate = 'good' | 'abort' | 'lostBefore' | 'lostAfter' | 'late' | 'down' | 'crashBefore' | 'crashAfter' | 'crashLate';

/** The store of one incarnation. */
export function createFaultyStore(host: StoreHost, incarnation: Incarnation): Store {
  const { world, database } = host;
  const raw = createMemoryStore({ now: () => EPOCH + world.now(), database });
  const lanes = new Set<unknown>();

  const call = (method: Method, args: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (!incarnation.alive) return;
      const lane = method === 'commit' ? args[1] : undefined;
      if (lane !== undefined && lanes.has(lane)) host.report(`two commits on lane ${String(lane)} at once`);
      if (lane !== undefined) lanes.add(lane);
      const answer = (ms: number, run: () => void): void => {
        const deliver = (): void => {
          if (lane !== undefined) lanes.delete(lane);
          run();
        };
        world.after(ms, `${method} answered`, deliver, incarnation);
      };
      const apply = (): Promise<unknown> => applyTo(host, raw, method, args);
      // Nobody hears of it.
      const zombie = (): void => void apply().catch(() => {});
      const fail = (ms: number, kind: StoreError['kind']): void =>
        answer(ms, () => reject(new StoreError(kind, `${kind}: ${method}`, 'sim')));
      const fate = drawFate(host);
      if (fate !== 'good') note(host, incarnation, method, fate);
      const way = latency(host);
      const back = latency(host);
      const arrive = (run: () => void, ms = way): void => void world.after(ms, `${method} by ${incarnation.name}`, run);
      switch (fate) {
        case 'good':
          arrive(
            () =>
              void apply().then(
                (value) => answer(back, () => resolve(value)),
                (error) => answer(back, () => reject(error)),
              ),
          );
          return;
        case 'abort':
        case 'down':
          return fail(way + back, fate);
        case 'lostBefore':
          return fail(way + back, 'ambiguous');
        case 'lostAfter':
          arrive(() => {
            zombie();
            fail(back, 'ambiguous');
          });
          return;
        case 'late':
          arrive(zombie, world.random.next() ** 2 * LATE_MS);
          return fail(way, 'ambiguous');
        case 'crashBefore':
          return host.crash(incarnation);
        case 'crashAfter':
          arrive(zombie, 0);
          return host.crash(incarnation);
        case 'crashLate':
          arrive(zombie, world.random.next() ** 2 * LATE_MS);
          return host.crash(incarnation);
      }
    });
  const names = Object.keys(raw).filter((name) => name !== 'close') as Method[];
  const methods = Object.fromEntries(names.map((method) => [method, (...args: unknown[]) => call(method, args)]));
  return { ...methods, close: () => Promise.resolve() } as unknown as Store;
}

async function applyTo(host: StoreHost, raw: Store, method: Method, args: readonly unknown[]): Promise<unknown> {
  const poisoned = method === 'commit' ? poisonIn(host, args[2] as readonly CommitRecord[]) : undefined;
  if (poisoned !== undefined) throw new StoreError('poison', `a bad record of run ${poisoned}`, 'sim');
  // Takes effect here: the memory store works at once.
  const value = await (raw[method] as (...given: readonly unknown[]) => Promise<unknown>)(...args);
  if (method === 'commit') {
    const { alive, written } = value as { alive: boolean; written: ReadonlySet<string> };
    host.world.note(`commit alive=${alive} written=${written.size}/${(args[2] as unknown[]).length}`);
    const me = String(args[0]);
    if (args[1] === 1) count(host, 'commits on lane 1');
    if (alive && !host.database.nodes.has(me)) host.report(`node ${me} has been deleted, and still writes`);
    host.applied((args[2] as readonly CommitRecord[]).filter((record) => written.has(record.key.runId)));
  }
  return value;
}

function poisonIn(host: StoreHost, records: readonly CommitRecord[]): string | undefined {
  const { poisoned, world } = host;
  if (world.random.chance(host.rates().poison)) {
    const victim = world.random.pick(records).key.runId;
    poisoned.set(victim, world.now() + world.random.next() * POISON_MS);
    count(host, 'poison');
  }
  return records.find(({ key }) => (poisoned.get(key.runId) ?? 0) > world.now())?.key.runId;
}

function latency({ world, rates }: StoreHost): number {
  const { slow, slowMs } = rates();
  return world.random.chance(slow) ? world.random.next() * slowMs : world.random.between(0.1, 2);
}

function drawFate(host: StoreHost): Fate {
  const { random } = host.world;
  const rates = host.rates();
  for (const fate of ['abort', 'lostBefore', 'lostAfter', 'late', 'down'] as const) if (random.chance(rates[fate])) return fate;
  return random.chance(rates.crash) ? random.pick(['crashBefore', 'crashAfter', 'crashLate'] as const) : 'good';
}

function note(host: StoreHost, incarnation: Incarnation, method: Method, fate: Fate): void {
  host.world.note(`fault: ${method} of ${incarnation.name}: ${fate}`);
  count(host, fate);
}

/** Adds to a total. */
export function count({ counts }: { counts: Map<string, number> }, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
