/** Worker processes: the SDK's worker with its inline engine. They crash with all they hold, or shut down, and start again. */
import { Worker, type WorkflowBundle } from '@perdure/sdk/worker';
import { createActivities, type Execution } from './activities.ts';
import type { Plan } from './plan.ts';
import { breakConnections, createApi, type Network } from './rpc.ts';
import { count } from './store.ts';
import type { Incarnation, World } from './world.ts';

export const TASK_QUEUE = 'sim';
const LONGEST_AWAY_MS = 8_000;

export interface WorkerHost {
  start(): void;
  /** Crashes the process, or shuts it down; another starts after a while. */
  end(): void;
  /** Code with an error is replaced: its process shuts down, and the next has the corrected code. */
  correct(): void;
  /** Shuts down and stays away. */
  retire(): void;
  running(): boolean;
}

export interface WorkerHostOptions {
  readonly world: World;
  readonly plan: Plan;
  readonly network: Network;
  readonly bundle: WorkflowBundle;
  /** The code with its error. */
  readonly flawedBundle: WorkflowBundle;
  readonly ledger: Execution[];
  readonly counts: Map<string, number>;
  readonly name: string;
  readonly namespace: string;
  healed(): boolean;
  /** Something that must never happen. */
  report(problem: string): void;
}

/** One worker's place, taken by one process after another. */
export function createWorkerHost(options: WorkerHostOptions): WorkerHost {
  const { world, plan, counts, name, healed } = options;
  let incarnation: Incarnation | undefined;
  let worker: Worker | undefined;
  let flawed = false;
  let starts = 0;
  let retired = false;

  const gone = (who: Incarnation): void => {
    if (incarnation !== who) return;
    incarnation = undefined;
    worker = undefined;
    if (!retired) world.after(world.random.next() ** 2 * LONGEST_AWAY_MS, `${name} starts again`, start);
  };
  const start = (): void => {
    starts += 1;
    const own = world.spawn(`${name}.${starts}`, Math.round(world.random.between(-plan.clockOffset, plan.clockOffset)));
    incarnation = own;
    flawed = !healed() && world.random.chance(plan.flawed);
    if (flawed) count({ counts }, 'flawed workers');
    const bundle = flawed ? options.flawedBundle : options.bundle;
    void create(options, own, bundle).then((made) => {
      worker = made;
      void made.run().then(() => {
        world.note(`${own.name} has ended`);
        own.alive = false;
        gone(own);
      });
      if (healed() && incarnation === own) correct();
    });
  };
  const correct = (): void => {
    if (incarnation === undefined || worker === undefined || !flawed) return;
    world.note(`${incarnation.name} is to be corrected`);
    worker.shutdown();
  };
  return {
    start,
    correct,
    end() {
      if (incarnation === undefined || worker === undefined) return;
      if (world.random.chance(plan.orderly)) {
        count({ counts }, 'worker shutdowns');
        world.note(`${incarnation.name} is asked to stop`);
        worker.shutdown();
        return;
      }
      count({ counts }, 'worker crashes');
      world.crash(incarnation);
      breakConnections(incarnation);
      gone(incarnation);
    },
    retire() {
      retired = true;
      worker?.shutdown();
    },
    running: () => incarnation !== undefined,
  };
}

function create(options: WorkerHostOptions, incarnation: Incarnation, bundle: WorkflowBundle): Promise<Worker> {
  const { world, plan, network, ledger, namespace, healed, report } = options;
  return Worker.create({
    connection: createApi(network, incarnation),
    clock: incarnation.env,
    namespace,
    taskQueue: TASK_QUEUE,
    workflows: bundle,
    activities: createActivities(world.random.fork(), ledger, namespace, healed),
    engine: 'inline',
    cacheBytes: plan.cacheBytes,
    maxConcurrentActivities: plan.concurrency,
    maxConcurrentWorkflowTasks: plan.concurrency,
    polls: 1 + (plan.workers % 2),
    shutdownGrace: '2s',
    identity: incarnation.name,
    buildId: bundle === options.bundle ? 'sim' : 'flawed',
    handleSignals: false,
    log: (level, message, fields) => {
      world.note(`${incarnation.name} ${level}: ${message} ${JSON.stringify(fields)}`);
      if (message !== 'a workflow task failed') return;
      count(options, 'failed workflow tasks');
      if (fields?.workflowType !== 'clumsy' || bundle === options.bundle)
        report(`${incarnation.name}: ${message} ${JSON.stringify(fields)}`);
    },
  });
}
