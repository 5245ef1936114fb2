/** One seed from its first event to its verdict. */

import { bundleWorkflows, type WorkflowBundle } from '@perdure/sdk/worker';
import type { MemoryDatabase } from '../../src/store/memory/database.ts';
import type { CommitRecord, HistoryRow } from '../../src/store/store.ts';
import type { Execution } from './activities.ts';
import { type Records, sendCustomers } from './customers.ts';
import { doublyOpen, type StoredRun } from './log-of.ts';
import { judge } from './oracles.ts';
import { drawPlan, NAMESPACES, type Plan, type RpcFaultRates } from './plan.ts';
import { replay } from './replays.ts';
import type { Network } from './rpc.ts';
import { createService, type ServiceHost } from './service.ts';
import { createWorkerHost, type WorkerHost } from './workers.ts';
import { createWorld, type World } from './world.ts';

/** After the faults everything must have ended within this time: the longest waits and back-offs of the workflows fit in. */
const LIVELINESS_MS = 15 * 60_000;
const NO_FAULTS: RpcFaultRates = { lostRequest: 0, lostAnswer: 0, repeated: 0, slow: 0, slowMs: 0 };

export interface Outcome {
  readonly seed: number;
  /** What is wrong; empty when all is well. */
  readonly wrong: readonly string[];
  readonly tail: readonly string[];
  readonly hash: string;
  readonly events: number;
  readonly runs: readonly StoredRun[];
  /** Virtual ms. */
  readonly duration: number;
  readonly counts: ReadonlyMap<string, number>;
}

export interface Scene {
  readonly world: World;
  readonly plan: Plan;
  readonly bundle: WorkflowBundle;
  readonly flawedBundle: WorkflowBundle;
  readonly service: ServiceHost;
  readonly workers: readonly WorkerHost[];
  readonly records: Records;
  readonly ledger: Execution[];
  readonly counts: Map<string, number>;
  readonly wrong: string[];
  /** What was written of each run, and when. */
  readonly commits: Map<string, Commits>;
  healed: boolean;
}

export interface Commits {
  /** Virtual ms of the first row. */
  readonly firstAt: number;
  closedAt: number | undefined;
  /** Count of events as of each commit. */
  readonly lengths: { readonly at: number; readonly events: number }[];
  /** Every row, also those that a checkpoint has made superfluous since. */
  readonly rows: HistoryRow[];
}

interface Bundles {
  readonly bundle: WorkflowBundle;
  readonly flawedBundle: WorkflowBundle;
}

let bundled: Promise<Bundles> | undefined;

/** The simulation's workflows, bundled once. */
function simulationBundles(): Promise<Bundles> {
  bundled ??= bundle();
  return bundled;
}

async function bundle(): Promise<Bundles> {
  const [corrected, flawed] = await Promise.all([
    bundleWorkflows(new URL('./workflows.ts', import.meta.url)),
    bundleWorkflows(new URL('./flawed.ts', import.meta.url)),
  ]);
  return { bundle: corrected, flawedBundle: flawed };
}

/** Runs a seed. */
export async function simulate(seed: number): Promise<Outcome> {
  const scene = build(seed, await simulationBundles());
  const { world, plan, service, workers, records, wrong, counts } = scene;
  service.start();
  for (const worker of workers) worker.start();
  sendCustomers(scene);
  disturb(scene);
  const limit = plan.faultsEnd + LIVELINESS_MS;
  const ended = await world.run(() => scene.healed && records.open === 0, limit);
  if (!ended) wrong.push(`not over ${LIVELINESS_MS} ms after the last fault: ${records.open} customers still wait`);
  wrong.push(...records.wrong);
  await world.run(() => !service.hasOpenRuns(), limit);
  await calmDown(scene);
  const runs = judge(scene);
  wrong.push(...(await replay(scene.bundle, runs)));
  if (plan.untilPurged) await purge(scene);
  counts.set('runs', runs.length);
  counts.set(
    'stored events',
    runs.reduce((sum, run) => sum + run.events.length, 0),
  );
  return { seed, runs, wrong, tail: world.tail(), hash: world.hash(), events: world.events(), duration: world.now(), counts };
}

/** When their time is over, closed runs go without a trace, whatever goes wrong meanwhile. */
async function purge({ world, plan, service, wrong }: Scene): Promise<void> {
  const { database } = service;
  const over = (): boolean => database.history.size === 0 && database.visibility.size === 0 && database.byWorkflow.size === 0;
  service.disturbPurge(true);
  await world.run(over, world.now() + 1.06 * plan.retentionMs);
  service.disturbPurge(false);
  await world.run(over, world.now() + plan.retentionMs);
  if (!over())
    wrong.push(
      `not purged: ${database.history.size} logs, ${database.visibility.size} list rows, ${database.byWorkflow.size} workflow ids`,
    );
}

/** Workers leave, and memory empties: nothing may be left that only memory drives. */
async function calmDown({ world, service, workers, wrong }: Scene): Promise<void> {
  for (const worker of workers) worker.retire();
  await world.run(() => workers.every((worker) => !worker.running()), world.now() + 60_000);
  await world.run(() => false, world.now() + 30_000);
  const stats = service.node()?.history.stats();
  if (stats === undefined || stats.hot > 0 || stats.queued > 0 || stats.waits > 0) wrong.push(`left in memory: ${JSON.stringify(stats)}`);
  if (service.database.nodes.size !== 1) wrong.push(`${service.database.nodes.size} nodes are registered`);
  for (const error of service.errors)
    if (!/the database (refuses a change|cannot take changes)/.test(error)) wrong.push(`logged: ${error}`);
}

function build(seed: number, { bundle, flawedBundle }: Bundles): Scene & { network: Network } {
  const world = createWorld(seed);
  const plan = drawPlan(seed, world.random);
  const counts = new Map<string, number>();
  const wrong: string[] = [];
  const commits = new Map<string, Commits>();
  const service = createService({ world, plan, counts, applied: (database, records) => applied(scene, database, records) });
  const network: Network = { world, counts, rates: () => (scene.healed ? NO_FAULTS : plan.rpc), listener: service.listener };
  const ledger: Execution[] = [];
  const workers = Array.from({ length: plan.workers }, (_, index) =>
    createWorkerHost({
      world,
      plan,
      network,
      bundle,
      flawedBundle,
      ledger,
      counts,
      name: `worker-${index + 1}`,
      namespace: NAMESPACES[index % plan.namespaces]?.name ?? '',
      healed: () => scene.healed,
      report: (problem) => void wrong.push(problem),
    }),
  );
  const records: Records = { asked: [], seen: [], wrong: [], open: 0 };
  const scene: Scene & { network: Network } = {
    world,
    plan,
    bundle,
    flawedBundle,
    service,
    network,
    workers,
    records,
    ledger,
    counts,
    wrong,
    commits,
    healed: false,
  };
  return scene;
}

/** Looked at after each commit, and noted for later. */
function applied({ world, commits, wrong }: Scene, database: MemoryDatabase, records: readonly CommitRecord[]): void {
  for (const { key, rows, execution } of records) {
    const known = commits.get(key.runId) ?? { firstAt: world.now(), closedAt: undefined, lengths: [], rows: [] };
    commits.set(key.runId, known);
    known.rows.push(...rows);
    const last = rows.at(-1);
    if (last !== undefined) known.lengths.push({ at: world.now(), events: last.firstEventId + last.eventCount - 1 });
    if (execution?.closedAt != null) known.closedAt ??= world.now();
  }
  for (const workflowId of doublyOpen(
    database,
    records.map(({ key }) => key),
  ))
    wrong.push(`two open runs of ${workflowId} at ${world.now().toFixed(3)}`);
}

/** Crashes and freezes, until the faults end. */
function disturb(scene: Scene): void {
  const { world, plan, service, workers } = scene;
  const repeat = (mean: number, label: string, body: () => void): void => {
    if (mean === Number.POSITIVE_INFINITY) return;
    world.after(-Math.log(1 - world.random.next()) * mean, label, () => {
      if (scene.healed) return;
      body();
      repeat(mean, label, body);
    });
  };
  repeat(plan.serviceCrashEvery, 'time for the service to end', service.end);
  repeat(plan.serviceFreezeEvery, 'time for a freeze', () => service.freeze(world.random.next() * plan.freezeMs));
  repeat(plan.workerCrashEvery, 'time for a worker to end', () => world.random.pick(workers).end());
  world.after(plan.faultsEnd, 'the faults end', () => {
    scene.healed = true;
    service.heal();
    for (const worker of workers) worker.correct();
  });
}
