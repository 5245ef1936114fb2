/** Workers: made from options, run once. */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { realClock } from '../common/clock.ts';
import { connect } from '../common/connection.ts';
import { toMs } from '../common/duration.ts';
import { consoleLog, type Log } from '../common/log.ts';
import { bundleWorkflows } from '../sandbox/bundle.ts';
import { createInlineEngine } from '../sandbox/inline.ts';
import { createThreadEngine } from '../sandbox/threads.ts';
import type { EngineOptions, WorkflowBundle, WorkflowEngine } from './engine.ts';
import { createLife } from './lifecycle.ts';
import { createLink, type Link } from './link.ts';
import { loadConverter } from './load-converter.ts';
import { activityTable, checkOptions, type WorkerOptions, type WorkflowMetric } from './options.ts';
import { bundleOptions, type ReplayOptions, replay } from './replay.ts';

const DEFAULT_ACTIVITIES = 500;
const DEFAULT_WORKFLOW_TASKS = 1_000;
const DEFAULT_POLLS = 1;
const SDK_NAME = 'typescript';
const SDK_VERSION = '0.1.0';

/** A worker that was made and may run once. */
export interface Worker {
  /** Unique per worker. */
  readonly id: string;
  /** Types of the workflows it runs. */
  readonly workflowTypes: readonly string[];
  /** Types of the activities it runs. */
  readonly activityTypes: readonly string[];
  /**
   * Takes tasks until `shutdown` is called or a signal arrives; resolves when everything is handed over. Does not reject when the
   * service is away: it waits for it. Rejects when called twice.
   */
  run(): Promise<void>;
  /** Begins to stop; `run` resolves when done. Another call, more than half a second later, ends the grace of running activities. */
  shutdown(): void;
}

/** Makes workers. */
export const Worker: {
  /**
   * Makes a worker; bundles its workflow code. Nothing is sent to the service before `run`. Throws TypeError for a wrong option, and
   * errors of the bundler with file and line.
   */
  create(options: WorkerOptions): Promise<Worker>;
  /** Replays a stored history with workflow code as it is now; rejects with NondeterminismError when the code asks for other steps. */
  replay(options: ReplayOptions): Promise<void>;
} = { create, replay };

async function create(options: WorkerOptions): Promise<Worker> {
  checkOptions(options);
  const { clock = realClock, log = consoleLog, namespace = 'default', taskQueue } = options;
  const dataConverter = await loadConverter(options.dataConverter ?? {});
  const shutdownGrace = toMs(options.shutdownGrace ?? '25s', 'shutdownGrace');
  const activities = activityTable(options.activities);
  const bundle = await bundleOf(options);
  const buildId = options.buildId ?? (bundle ? createHash('sha256').update(bundle.code).digest('hex').slice(0, 12) : '');
  const identity = options.identity ?? `${process.pid}@${hostname()}`;
  const info = { workerId: clock.newId(), identity, buildId, sdkName: SDK_NAME, sdkVersion: SDK_VERSION };
  const { api, disconnect } = connectionOf(options);
  const link = createLink({ api, clock, log, namespace, taskQueue, dataConverter, info });
  const engine = bundle && (await createEngine(options, bundle, link));
  if (engine?.workflowTypes.length === 0) {
    await engine.close();
    throw new TypeError(`workflows: ${bundle?.modules.join(', ')} export no function`);
  }
  const life = createLife(link, {
    engine,
    activities,
    activityInterceptors: options.activityInterceptors,
    maxConcurrentActivities: options.maxConcurrentActivities ?? DEFAULT_ACTIVITIES,
    maxActivitiesPerSecond: options.maxActivitiesPerSecond,
    maxConcurrentWorkflowTasks: options.maxConcurrentWorkflowTasks ?? DEFAULT_WORKFLOW_TASKS,
    polls: options.polls ?? DEFAULT_POLLS,
    shutdownGrace,
  });
  let started = false;
  return {
    id: info.workerId,
    workflowTypes: engine?.workflowTypes ?? [],
    activityTypes: [...activities.keys()],
    async run() {
      if (started) throw new Error('this worker was run already; make another one');
      started = true;
      const unlisten = options.handleSignals === false ? undefined : listenToSignals(life.shutdown);
      try {
        await life.run();
      } finally {
        unlisten?.();
        await engine?.close();
        disconnect();
      }
    },
    shutdown: life.shutdown,
  };
}

function connectionOf({ connection, address }: WorkerOptions): { api: Link['api']; disconnect: () => void } {
  if (connection) return { api: connection, disconnect: () => {} };
  const own = connect(address === undefined ? {} : { address });
  return { api: own, disconnect: () => own.close() };
}

async function bundleOf({ workflows, dataConverter, workflowInterceptors }: WorkerOptions): Promise<WorkflowBundle | undefined> {
  if (workflows === undefined) return undefined;
  if (typeof workflows === 'object' && 'library' in workflows) return workflows;
  return await bundleWorkflows(workflows, bundleOptions({ dataConverter, workflowInterceptors }));
}

function createEngine(options: WorkerOptions, bundle: WorkflowBundle, link: Link): Promise<WorkflowEngine> {
  const { namespace, taskQueue, log, info } = link;
  const { cacheBytes, failureTypes, threads = 1 } = options;
  const engineOptions = {
    bundle,
    namespace,
    taskQueue,
    log: logAndMetrics(log, options.metrics),
    buildId: info.buildId,
    ...(cacheBytes !== undefined && { cacheBytes }),
    ...(failureTypes && { failureTypes }),
  };
  return options.engine === 'inline' ? createInlineEngine(engineOptions) : createThreadEngine({ ...engineOptions, threads });
}

/** Tells apart what comes out of workflow code on one way. */
function logAndMetrics(log: Log, sink: WorkerOptions['metrics']): EngineOptions['log'] {
  return (level, name, fields) => {
    if (level !== 'metric') return log(level, name, fields);
    try {
      sink?.({ ...(fields as unknown as Omit<WorkflowMetric, 'name'>), name });
    } catch (error) {
      log('error', 'the option metrics of the worker threw', { metric: name, error: String(error) });
    }
  };
}

function listenToSignals(shutdown: () => void): () => void {
  const onSignal = (): void => shutdown();
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
}
