/** The service as one process at one address: it starts, crashes, freezes, and starts again on the same database. */

import { createMemoryDatabase, type MemoryDatabase } from '../../src/store/memory/database.ts';
import { EMPTY_CONFIG } from '../../src/store/seed.ts';
import type { CommitRecord } from '../../src/store/store.ts';
import { startTestNode, type TestNode } from '../support/node.ts';
import { NAMESPACES, type Plan, retentionOf, type StoreFaultRates } from './plan.ts';
import { breakConnections, type Listener } from './rpc.ts';
import { count, createFaultyStore } from './store.ts';
import type { Incarnation, World } from './world.ts';

const LONGEST_DOWN_MS = 6_000;
const STOP_MS = 10_000;
/** Faults on the database while runs are purged. */
const PURGE_FAULTS: StoreFaultRates = {
  abort: 0.1,
  lostBefore: 0.03,
  lostAfter: 0.03,
  late: 0.03,
  down: 0.01,
  slow: 0.05,
  slowMs: 3_000,
  crash: 0.02,
  poison: 0,
};
const NO_FAULTS: StoreFaultRates = { abort: 0, lostBefore: 0, lostAfter: 0, late: 0, down: 0, slow: 0, slowMs: 0, crash: 0, poison: 0 };

export interface ServiceHost {
  readonly database: MemoryDatabase;
  /** Of the process that serves now. */
  listener(): Listener | undefined;
  node(): TestNode | undefined;
  start(): void;
  /** Crashes or stops the process that runs now, if any; another starts after a while. */
  end(): void;
  /** Holds the process back for `ms`. */
  freeze(ms: number): void;
  /** From now on nothing goes wrong. */
  heal(): void;
  hasOpenRuns(): boolean;
  /** Whether statements fail now while runs are purged. */
  disturbPurge(on: boolean): void;
  /** Lines logged as errors: defects, unless a fault explains them. */
  readonly errors: string[];
}

export interface ServiceOptions {
  readonly world: World;
  readonly plan: Plan;
  readonly counts: Map<string, number>;
  applied(database: MemoryDatabase, records: readonly CommitRecord[]): void;
}

interface State extends ServiceOptions {
  readonly database: MemoryDatabase;
  readonly poisoned: Map<string, number>;
  readonly errors: string[];
  healed: boolean;
  purging: boolean;
  incarnation: Incarnation | undefined;
  node: TestNode | undefined;
  starts: number;
}

export function createService(options: ServiceOptions): ServiceHost {
  const state: State = {
    ...options,
    database: createDatabase(options.plan),
    poisoned: new Map(),
    errors: [],
    healed: false,
    purging: false,
    incarnation: undefined,
    node: undefined,
    starts: 0,
  };
  return {
    database: state.database,
    errors: state.errors,
    node: () => state.node,
    listener() {
      const { node, incarnation } = state;
      if (node === undefined || incarnation === undefined) return undefined;
      return { incarnation, frontend: node.frontend, undelivered: node.matching.undelivered };
    },
    start: () => start(state),
    end() {
      const { incarnation, node } = state;
      if (incarnation === undefined) return;
      if (node !== undefined && state.world.random.chance(state.plan.orderly)) stop(state, incarnation, node);
      else crash(state, incarnation);
    },
    freeze(ms) {
      if (state.incarnation === undefined) return;
      state.world.note(`the service freezes for ${ms.toFixed(0)} ms`);
      count(state, 'freezes');
      state.incarnation.frozenUntil = state.world.now() + ms;
    },
    hasOpenRuns: () => state.database.executions.some((slot) => slot.values().some((row) => row.closedAt === null)),
    disturbPurge(on) {
      state.purging = on;
    },
    heal() {
      state.healed = true;
      state.poisoned.clear();
      if (state.incarnation !== undefined) state.incarnation.frozenUntil = 0;
    },
  };
}

function createDatabase(plan: Plan): MemoryDatabase {
  const database = createMemoryDatabase();
  NAMESPACES.slice(0, plan.namespaces).forEach(({ name, namespaceId }, number) => {
    database.namespaces.set(name, { name, namespaceId, retentionMs: retentionOf(plan, number), version: 0, config: EMPTY_CONFIG });
  });
  return database;
}

function start(state: State): void {
  const { world, plan, database, counts, poisoned } = state;
  state.starts += 1;
  count(state, 'service starts');
  const offset = Math.round(world.random.between(-plan.clockOffset, plan.clockOffset));
  const incarnation = world.spawn(`service-${state.starts}`, state.healed ? 0 : offset);
  state.incarnation = incarnation;
  const store = createFaultyStore(
    {
      world,
      database,
      counts,
      poisoned,
      rates: () => (state.purging ? PURGE_FAULTS : state.healed ? NO_FAULTS : plan.store),
      crash: (who) => crash(state, who),
      report: (problem) => state.errors.push(problem),
      applied: (records) => state.applied(database, records),
    },
    incarnation,
  );
  const { coolAfterMs, scanEveryMs, scanAheadMs } = plan;
  const history = { coolAfterMs, scanEveryMs, scanAheadMs, onFatal: () => crash(state, incarnation) };
  startTestNode(incarnation.env, store, {
    address: 'service:7233',
    history,
    log: (level, message, fields) => {
      world.note(`${incarnation.name} ${level}: ${message} ${JSON.stringify(fields)}`);
      // With one process at a time nobody else writes: what memory holds must be what the log holds.
      if (level === 'error' || JSON.stringify(fields)?.includes('memory disagrees'))
        state.errors.push(`${message} ${JSON.stringify(fields)}`);
    },
  }).then(
    (node) => {
      if (incarnation.alive) state.node = node;
    },
    (error: unknown) => {
      world.note(`${incarnation.name} could not start: ${String(error)}`);
      crash(state, incarnation);
    },
  );
}

/** An orderly end: nothing that was promised is left in memory, and the slots are given back. */
function stop(state: State, incarnation: Incarnation, node: TestNode): void {
  const { world } = state;
  world.note(`${incarnation.name} is asked to stop`);
  count(state, 'service stops');
  // No new calls; those at work are answered.
  state.node = undefined;
  node.matching.close();
  const end = (): void => {
    if (!incarnation.alive) return;
    world.note(`${incarnation.name} has stopped`);
    crash(state, incarnation);
  };
  world.after(STOP_MS, `${incarnation.name} took too long to stop`, end);
  void node.history.stop().then(end);
}

function crash(state: State, incarnation: Incarnation): void {
  if (!incarnation.alive || state.incarnation !== incarnation) return;
  const { world } = state;
  world.crash(incarnation);
  count(state, 'service crashes');
  breakConnections(incarnation);
  state.incarnation = undefined;
  state.node = undefined;
  world.after(world.random.next() ** 2 * LONGEST_DOWN_MS, 'the service starts again', () => start(state));
}
