/** Options of a worker: their defaults and checks. */

import type { ActivityInterceptor } from '../activity/interceptor.ts';
import type { Api } from '../common/api.ts';
import type { Clock } from '../common/clock.ts';
import type { Connection } from '../common/connection.ts';
import type { DataConverter } from '../common/data-converter.ts';
import type { Duration } from '../common/duration.ts';
import type { Log } from '../common/log.ts';
import { checkText } from '../common/text.ts';
import type { ActivityFunction } from './activities.ts';
import type { WorkflowBundle } from './engine.ts';

/** How values become payloads in a worker. */
export interface WorkerDataConverter extends DataConverter {
  /**
   * A module (path or URL) that exports `payloadConverter`. It is bundled with the workflow code, where it runs inside the sandbox, and
   * imported for activities.
   */
  payloadConverterModule?: string | URL;
}

/** One value told by workflow code. */
export interface WorkflowMetric {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** Of a counter: what is added. */
  readonly value: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly workflowId: string;
  readonly runId: string;
  readonly workflowType: string;
}

/** What a worker is made of. */
export interface WorkerOptions {
  /** host:port of the service. Default 127.0.0.1:7233. Not together with `connection`. */
  address?: string;
  /** A connection made by `connect`, shared with others: the worker does not close it. */
  connection?: Connection | Api;
  /** Default "default". */
  namespace?: string;
  /** The queue whose tasks this worker takes. */
  taskQueue: string;
  /** Workflow code: a file or directory (path or URL), several, or a bundle made by `bundleWorkflows`. Without it no workflow tasks are taken. */
  workflows?: string | URL | readonly (string | URL)[] | WorkflowBundle;
  /** Functions by activity type, or an instance of a class whose methods are activities. Without it no activity tasks are taken. */
  activities?: object;
  /** Attempts that run at once. Default 500. */
  maxConcurrentActivities?: number;
  /** Attempts that this worker begins per second, after a pause also at once; may be less than 1. Default unlimited. */
  maxActivitiesPerSecond?: number;
  /** Workflow tasks at work at once. Default 1 000: each takes a fraction of a millisecond. */
  maxConcurrentWorkflowTasks?: number;
  /** Long polls in flight per kind, 1 to 4. Default 1: more make smaller batches. */
  polls?: number;
  /** Bytes of runs kept in memory, so that their history need not be replayed. Default 256 MiB. */
  cacheBytes?: number;
  /** Threads that run workflow code. Default 1. */
  threads?: number;
  /** How long running activities may go on after `shutdown`. Default 25 s. */
  shutdownGrace?: Duration;
  /** Converter and codecs; client and worker must agree. */
  dataConverter?: WorkerDataConverter;
  /** Modules that export `interceptors`, a function that makes the WorkflowInterceptors of one run: bundled with the workflow code. */
  workflowInterceptors?: readonly (string | URL)[];
  /** Around attempts of activities; the first is the outermost. */
  activityInterceptors?: readonly ActivityInterceptor[];
  /** Error classes, by name, that fail a run instead of its task; per workflow type, or for all as '*'. */
  failureTypes?: Readonly<Record<string, readonly string[]>>;
  /** For people. Default "pid@host". */
  identity?: string;
  /** Names the deployed code. Default: a hash of the workflow bundle. */
  buildId?: string;
  /** Whether SIGINT and SIGTERM shut the worker down; a later one ends the grace. Default true. */
  handleSignals?: boolean;
  /** Takes the values that workflow code tells by `metrics`. Default: they are dropped. */
  metrics?: (metric: WorkflowMetric) => void;
  /** Takes log lines. Default: the standard error stream. */
  log?: Log;
  /** Time, chance and ids. For tests in virtual time. */
  clock?: Clock;
  /** Where workflow code runs: 'threads' (default), or 'inline' in the caller's thread, for tests in virtual time. */
  engine?: 'threads' | 'inline';
}

/** Checks what the type system cannot. Throws TypeError naming the option. */
export function checkOptions(options: WorkerOptions): void {
  checkText('taskQueue', options.taskQueue);
  if (options.namespace !== undefined) checkText('namespace', options.namespace);
  if (options.address !== undefined && options.connection !== undefined) throw new TypeError('address: not together with connection');
  if (options.workflows === undefined && options.activities === undefined) {
    throw new TypeError('workflows, activities: a worker needs at least one of them');
  }
  checkConverter(options);
  checkCount('maxConcurrentActivities', options.maxConcurrentActivities, 100_000);
  const rate = options.maxActivitiesPerSecond;
  if (rate !== undefined && !(rate > 0 && rate <= 1_000_000))
    throw new TypeError(`maxActivitiesPerSecond: ${rate} is not a number above 0, at most 1000000`);
  checkCount('maxConcurrentWorkflowTasks', options.maxConcurrentWorkflowTasks, 100_000);
  checkCount('polls', options.polls, 4);
  checkCount('threads', options.threads, 64);
  checkCount('cacheBytes', options.cacheBytes, Number.MAX_SAFE_INTEGER);
}

/** Workflow code must convert as all others do, and it cannot be handed an object of this thread. */
function checkConverter({ dataConverter, workflows, workflowInterceptors }: WorkerOptions): void {
  const { payloadConverter, payloadConverterModule } = dataConverter ?? {};
  if (payloadConverter !== undefined && workflows !== undefined)
    throw new TypeError('dataConverter.payloadConverter: workflow code needs its module; give payloadConverterModule instead');
  if (typeof workflows !== 'object' || !('library' in workflows)) return;
  if (payloadConverterModule !== undefined && workflows.converterModule === undefined)
    throw new TypeError('dataConverter.payloadConverterModule: the bundle was made without it; give it to bundleWorkflows too');
  if ((workflowInterceptors?.length ?? 0) > (workflows.interceptorModules?.length ?? 0))
    throw new TypeError('workflowInterceptors: the bundle was made without them; give them to bundleWorkflows as interceptorModules');
}

function checkCount(name: string, value: number | undefined, most: number): void {
  if (value === undefined) return;
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new TypeError(`${name}: ${value} is not a whole number from 1 to ${most}`);
}

/** Activities by type: own functions, and methods of the classes above. Methods keep their `this`. */
export function activityTable(activities: object | undefined): ReadonlyMap<string, ActivityFunction> {
  const table = new Map<string, ActivityFunction>();
  for (let holder = activities; holder && holder !== Object.prototype; holder = Object.getPrototypeOf(holder) as object) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(holder))) {
      const value: unknown = property.value;
      if (name === 'constructor' || typeof value !== 'function' || table.has(name)) continue;
      table.set(name, value.bind(activities) as ActivityFunction);
    }
  }
  if (activities !== undefined && table.size === 0) throw new TypeError('activities: holds no function');
  return table;
}
