/** The life of a worker: takes tasks until told to stop, then hands everything over. */
import type { ActivityInterceptor } from '../activity/interceptor.ts';
import { pause } from '../common/clock.ts';
import { type ActivityFunction, type ActivityRunner, createActivityRunner } from './activities.ts';
import type { EagerActivities } from './eager.ts';
import type { WorkflowEngine } from './engine.ts';
import type { Link } from './link.ts';
import { pollActivityTasks, pollWorkflowTasks } from './poll.ts';
import { watchRejections } from './rejections.ts';
import { createReturns, type Returns } from './returns.ts';
import { createRatedSlots, createSlots, type Slots } from './slots.ts';
import { createWorkflowRunner, type WorkflowRunner } from './workflows.ts';

/**
 * Polls that are out may have been answered with tasks already: told of the shutdown, the service answers them, and what they bring goes
 * back at once. A poll that is hung up on loses its tasks for several seconds.
 */
const LAST_POLLS_MS = 1_500;
/** What is left to say after the grace must be said within this time: the service may be away. */
const LAST_WORDS_MS = 5_000;
/** The same when somebody is impatient. */
const HASTY_WORDS_MS = 1_000;
/** Calls within this time count as one: a terminal and a parent process both pass on the same Ctrl-C. */
const ONE_CALL_MS = 500;

export interface Life {
  /** Takes tasks until `shutdown`; resolves when all is handed over. Once only. */
  run(): Promise<void>;
  /** Begins to stop; a later call ends the grace. */
  shutdown(): void;
}

export interface LifeOptions {
  readonly engine: WorkflowEngine | undefined;
  readonly activities: ReadonlyMap<string, ActivityFunction>;
  readonly activityInterceptors?: readonly ActivityInterceptor[] | undefined;
  readonly maxConcurrentActivities: number;
  readonly maxActivitiesPerSecond?: number | undefined;
  readonly maxConcurrentWorkflowTasks: number;
  readonly polls: number;
  /** Ms. */
  readonly shutdownGrace: number;
}

interface Parts {
  readonly link: Link;
  readonly options: LifeOptions;
  readonly activitySlots: Slots;
  readonly workflowSlots: Slots;
  readonly returns: Returns;
  readonly activities: ActivityRunner | undefined;
  readonly workflows: WorkflowRunner | undefined;
  /** Ends the grace. */
  readonly hurry: AbortController;
}

/** Of a worker without activities. */
const NO_ACTIVITIES: EagerActivities = { reserve: () => 0, take: () => {} };

export function createLife(link: Link, options: LifeOptions): Life {
  const { engine } = options;
  const { maxConcurrentActivities, maxActivitiesPerSecond } = options;
  const activitySlots =
    maxActivitiesPerSecond === undefined
      ? createSlots(link.clock, maxConcurrentActivities)
      : createRatedSlots(link.clock, maxConcurrentActivities, maxActivitiesPerSecond);
  const workflowSlots = createSlots(link.clock, options.maxConcurrentWorkflowTasks);
  const returns = createReturns(link);
  // They need each other: activities let runs go on, runs hand out activities.
  let workflows: WorkflowRunner | undefined;
  const followUp: WorkflowRunner['followUp'] = async (success) => await workflows?.followUp(success);
  const activities =
    options.activities.size > 0
      ? createActivityRunner(link, {
          activities: options.activities,
          interceptors: options.activityInterceptors,
          slots: activitySlots,
          giveBack: returns.add,
          followUp,
        })
      : undefined;
  const eager = activities?.eager ?? NO_ACTIVITIES;
  const giveBack = (token: Uint8Array): void => returns.add(token, false);
  workflows = engine && createWorkflowRunner(link, { engine, slots: workflowSlots, eager, giveBack });
  const parts: Parts = { link, options, activitySlots, workflowSlots, returns, activities, workflows, hurry: new AbortController() };
  let asked = 0;
  return {
    run: () => run(parts),
    shutdown() {
      if (!link.stopping.aborted) {
        asked = link.clock.monotonic();
        link.stop();
      } else if (link.clock.monotonic() - asked > ONE_CALL_MS) parts.hurry.abort();
    },
  };
}

async function run(parts: Parts): Promise<void> {
  const { link, options, workflows, activities, workflowSlots, activitySlots } = parts;
  const { polls } = options;
  link.log('info', 'the worker takes tasks', { taskQueue: link.taskQueue, namespace: link.namespace, workerId: link.info.workerId });
  const unwatch = watchRejections(link, activities);
  const polled = Promise.all([
    workflows && pollWorkflowTasks(link, { polls, slots: workflowSlots, deliver: workflows.take, whenReady: options.engine?.whenReady }),
    activities && pollActivityTasks(link, { polls, slots: activitySlots, deliver: activities.take }),
  ]);
  await stopped(link.stopping);
  await handOver(parts, polled);
  unwatch();
  link.abandon();
  link.receipts.close();
  link.log('info', 'the worker has stopped', { workerId: link.info.workerId });
}

/** What runs may finish within the grace, the rest goes back. */
async function handOver(parts: Parts, polled: Promise<unknown>): Promise<void> {
  const { link, options, workflows, activities, returns, hurry } = parts;
  link.log('info', 'the worker shuts down', { workerId: link.info.workerId });
  activities?.stop();
  workflows?.stop();
  const goodbye = sayGoodbye(link);
  void within(parts, LAST_POLLS_MS, polled, hurry.signal).then(link.hangUp);
  const drained = (): Promise<unknown> => Promise.all([polled, goodbye, workflows?.drained(), activities?.drained()]).then(returns.drained);
  await within(parts, options.shutdownGrace, drained(), hurry.signal);
  for (const token of activities?.abandon() ?? []) returns.add(token, true);
  await within(parts, hurry.signal.aborted ? HASTY_WORDS_MS : LAST_WORDS_MS, drained());
}

/** Waits for `done`, but not longer than `ms`, nor after `abort`. */
async function within({ link }: Parts, ms: number, done: Promise<unknown>, abort?: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  if (abort?.aborted) end();
  abort?.addEventListener('abort', end, { once: true });
  await Promise.race([done, pause(link.clock, ms, ended.signal)]);
  end();
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
