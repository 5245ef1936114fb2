/** One seed from its first event to its verdict. */
import { bundleWorkflows, type WorkflowBundle } from '@perdure/sdk/worker';
import type { Execution } from './activities.ts';
import { type Records, sendCustomers } from './customers.ts';
import { drawPlan, type Plan, type RpcFaultRates } from './plan.ts';
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
  /** Virtual ms. */
  readonly duration: number;
  readonly counts: ReadonlyMap<string, number>;
}

export interface Scene {
  readonly world: World;
  readonly plan: Plan;
  readonly bundle: WorkflowBundle;
  readonly service: ServiceHost;
  readonly workers: readonly WorkerHost[];
  readonly records: Records;
  readonly ledger: Execution[];
  readonly counts: Map<string, number>;
  readonly wrong: string[];
  healed: boolean;
}

let bundled: Promise<WorkflowBundle> | undefined;

/** The simulation's workflows, bundled once. */
function simulationBundle(): Promise<WorkflowBundle> {
  bundled ??= bundleWorkflows(new URL('./workflows.ts', import.meta.url));
  return bundled;
}

/** Runs a seed. */
export async function simulate(seed: number): Promise<Outcome> {
  const scene = build(seed, await simulationBundle());
  const { world, plan, service, workers, records, wrong, counts } = scene;
  service.start();
  for (const worker of workers) worker.start();
  sendCustomers(scene);
  disturb(scene);
  const limit = plan.faultsEnd + LIVELINESS_MS;
  const ended = await world.run(() => scene.healed && records.open === 0, limit);
  if (!ended) wrong.push(`not over ${LIVELINESS_MS} ms after the last fault: ${records.open} customers still wait`);
  wrong.push(...records.wrong);
  return { seed, wrong, tail: world.tail(), hash: world.hash(), events: world.events(), duration: world.now(), counts };
}

function build(seed: number, bundle: WorkflowBundle): Scene & { network: Network } {
  const world = createWorld(seed);
  const plan = drawPlan(seed, world.random);
  const counts = new Map<string, number>();
  const wrong: string[] = [];
  const service = createService({ world, plan, counts, applied: () => {} });
  const network: Network = { world, counts, rates: () => (scene.healed ? NO_FAULTS : plan.rpc), listener: service.listener };
  const ledger: Execution[] = [];
  const workers = Array.from({ length: plan.workers }, (_, index) =>
    createWorkerHost({ world, plan, network, bundle, ledger, counts, name: `worker-${index + 1}`, healed: () => scene.healed }),
  );
  const records: Records = { asked: [], seen: [], wrong: [], open: 0 };
  const scene = { world, plan, bundle, service, network, workers, records, ledger, counts, wrong, healed: false };
  return scene;
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
  repeat(plan.serviceCrashEvery, 'time for a crash', service.crash);
  repeat(plan.serviceFreezeEvery, 'time for a freeze', () => service.freeze(world.random.next() * plan.freezeMs));
  repeat(plan.workerCrashEvery, 'time for a worker to end', () => world.random.pick(workers).end());
  world.after(plan.faultsEnd, 'the faults end', () => {
    scene.healed = true;
    service.heal();
  });
}
