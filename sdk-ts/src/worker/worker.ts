/** A worker: takes tasks of one queue, runs the code for them, and stops without losing any. */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { pause, realClock } from '../common/clock.ts';
import { connect } from '../common/connection.ts';
import { toMs } from '../common/duration.ts';
import { consoleLog } from '../common/log.ts';
import { bundleWorkflows } from '../sandbox/bundle.ts';
import { createInlineEngine } from '../sandbox/inline.ts';
import { createThreadEngine } from '../sandbox/threads.ts';
import { type ActivityRunner, createActivityRunner } from './activities.ts';
import type { WorkflowBundle, WorkflowEngine } from './engine.ts';
import { createLink, type Link } from './link.ts';
import { activityTable, checkOptions, type WorkerOptions } from './options.ts';
import { pollActivityTasks, pollWorkflowTasks } from './poll.ts';
import { createReturns, type Returns } from './returns.ts';
import { createSlots, type Slots } from './slots.ts';
import { createWorkflowRunner, type WorkflowRunner } from './workflows.ts';

const DEFAULT_CONCURRENCY = 100;
const DEFAULT_POLLS = 2;
const SDK_NAME = 'typescript';
const SDK_VERSION = '0.1.0';
/** What is left to say after the grace must be said within this time: the service may be away. */
const LAST_WORDS_MS = 5_000;

/** A worker that was made and may run once. */
export interface Worker {
  /** Unique per worker. */
  readonly id: string;
  /** Types of the workflows and activities it runs. */
  readonly workflowTypes: readonly string[];
  readonly activityTypes: readonly string[];
  /**
   * Takes tasks until `shutdown` is called or a signal arrives; resolves when everything is handed over. Does not reject when the
   * service is away: it waits for it. Rejects when called twice.
   */
  run(): Promise<void>;
  /** Begins to stop; `run` resolves when done. A second call ends the grace of running activities. */
  shutdown(): void;
}

interface Parts {
  readonly link: Link;
  readonly options: WorkerOptions;
  readonly engine: WorkflowEngine | undefined;
  readonly workflows: WorkflowRunner | undefined;
  readonly workflowSlots: Slots;
  readonly activities: ActivityRunner | undefined;
  readonly activitySlots: Slots;
  readonly returns: Returns;
  readonly hurry: AbortController;
  close(): Promise<void>;
}

async function create(options: WorkerOptions): Promise<Worker> {
  checkOptions(options);
  const activityFunctions = activityTable(options.activities);
  const parts = await assemble(options, activityFunctions);
  let started = false;
  return {
    id: parts.link.info.workerId,
    workflowTypes: parts.engine?.workflowTypes ?? [],
    activityTypes: [...activityFunctions.keys()],
    run() {
      if (started) return Promise.reject(new Error('this worker was run already'));
      started = true;
      return run(parts);
    },
    shutdown() {
      if (parts.link.stopping.aborted) parts.hurry.abort();
      else parts.link.stop();
    },
  };
}

/** Makes workers. */
export const Worker: {
  /**
   * Makes a worker; bundles its workflow code. Nothing is sent to the service before `run`. Throws TypeError for a wrong option, and
   * errors of the bundler with file and line.
   */
  create(options: WorkerOptions): Promise<Worker>;
} = { create };

async function assemble(options: WorkerOptions, activityFunctions: ReturnType<typeof activityTable>): Promise<Parts> {
  const { clock = realClock, log = consoleLog, namespace = 'default', taskQueue, dataConverter = {} } = options;
  const bundle = await bundleOf(options.workflows);
  const buildId = options.buildId ?? (bundle ? createHash('sha256').update(bundle.code).digest('hex').slice(0, 12) : '');
  const identity = options.identity ?? `${process.pid}@${hostname()}`;
  const connection = options.connection ? undefined : connect({ ...(options.address && { address: options.address }) });
  const link = createLink({
    api: options.connection ?? (connection as NonNullable<typeof connection>),
    clock,
    log,
    namespace,
    taskQueue,
    dataConverter,
    info: { workerId: clock.newId(), identity, buildId, sdkName: SDK_NAME, sdkVersion: SDK_VERSION },
  });
  const engine = bundle && (await createEngine(options, bundle, link));
  const returns = createReturns(link);
  const activitySlots = createSlots(clock, options.maxConcurrentActivities ?? DEFAULT_CONCURRENCY);
  const workflowSlots = createSlots(clock, options.maxConcurrentWorkflowTasks ?? DEFAULT_CONCURRENCY);
  const activities =
    activityFunctions.size > 0
      ? createActivityRunner(link, { activities: activityFunctions, slots: activitySlots, giveBack: returns.add })
      : undefined;
  const workflows =
    engine &&
    createWorkflowRunner(link, {
      engine,
      slots: workflowSlots,
      eager: eagerOf(link, activities, activitySlots),
      giveBack: (token) => returns.add(token, false),
    });
  const close = async (): Promise<void> => {
    await engine?.close();
    connection?.close();
  };
  return { link, options, engine, workflows, workflowSlots, activities, activitySlots, returns, hurry: new AbortController(), close };
}

async function bundleOf(workflows: WorkerOptions['workflows']): Promise<WorkflowBundle | undefined> {
  if (workflows === undefined) return undefined;
  if (typeof workflows === 'object' && 'library' in workflows) return workflows;
  return await bundleWorkflows(workflows);
}

function createEngine(options: WorkerOptions, bundle: WorkflowBundle, link: Link): Promise<WorkflowEngine> {
  const { namespace, taskQueue, log, info } = link;
  const { cacheBytes, failureTypes, threads = 1 } = options;
  const engineOptions = {
    bundle,
    namespace,
    taskQueue,
    log,
    buildId: info.buildId,
    ...(cacheBytes !== undefined && { cacheBytes }),
    ...(failureTypes && { failureTypes }),
  };
  return options.engine === 'inline' ? createInlineEngine(engineOptions) : createThreadEngine({ ...engineOptions, threads });
}

/** Activity tasks in the answers of completions use the share of the slots that polls leave. */
function eagerOf(link: Link, activities: ActivityRunner | undefined, slots: Slots): Parameters<typeof createWorkflowRunner>[1]['eager'] {
  return {
    reserve: () => (activities && !link.stopping.aborted ? slots.takeShare(1) : 0),
    take(tasks, reserved) {
      slots.release(reserved - tasks.length);
      activities?.take(tasks);
    },
  };
}

async function run(parts: Parts): Promise<void> {
  const { link, options, workflows, activities, workflowSlots, activitySlots } = parts;
  const polls = options.polls ?? DEFAULT_POLLS;
  const unlisten = options.handleSignals === false ? () => {} : listenToSignals(parts);
  link.log('info', 'the worker takes tasks', { taskQueue: link.taskQueue, namespace: link.namespace, workerId: link.info.workerId });
  await Promise.all([
    workflows && pollWorkflowTasks(link, { polls, slots: workflowSlots, deliver: workflows.take }),
    activities && pollActivityTasks(link, { polls, slots: activitySlots, deliver: activities.take }),
    stopped(link.stopping).then(() => stop(parts)),
  ]);
  link.abandon();
  link.receipts.close();
  await parts.close();
  unlisten();
  link.log('info', 'the worker has stopped', { workerId: link.info.workerId });
}

/** Hands everything over: what runs may finish within the grace, the rest goes back. */
async function stop(parts: Parts): Promise<void> {
  const { link, options, workflows, activities, returns, hurry } = parts;
  const grace = toMs(options.shutdownGrace ?? '25s', 'shutdownGrace');
  link.log('info', 'the worker shuts down', { workerId: link.info.workerId });
  activities?.stop();
  workflows?.stop();
  const said = sayGoodbye(link);
  const finished = Promise.all([said, workflows?.drained(), activities?.drained()]).then(() => returns.drained());
  await Promise.race([finished, pause(link.clock, grace, hurry.signal)]);
  for (const token of activities?.abandon() ?? []) returns.add(token, true);
  const lastWords = new AbortController();
  await Promise.race([
    Promise.all([workflows?.drained(), activities?.drained(), returns.drained()]),
    pause(link.clock, LAST_WORDS_MS, lastWords.signal),
  ]);
  lastWords.abort();
}

/** What was kept for this worker goes to others at once. */
async function sayGoodbye(link: Link): Promise<void> {
  const { api, namespace, taskQueue, info: worker, abandoned: abort } = link;
  try {
    await api.shutdownWorker({ namespace, taskQueue, worker }, { deadlineMs: LAST_WORDS_MS, abort });
  } catch (error) {
    link.log('debug', 'the service did not hear of the shutdown', { error: String(error) });
  }
}

function stopped(signal: AbortSignal): Promise<void> {
  return signal.aborted ? Promise.resolve() : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

function listenToSignals(parts: Parts): () => void {
  const onSignal = (): void => (parts.link.stopping.aborted ? parts.hurry.abort() : parts.link.stop());
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
}
