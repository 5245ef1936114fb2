// What runs workflow code, as the worker sees it: bytes of tasks in, completions out. Two makers: the same thread, and worker threads.

import type { Failure } from '@perdure/proto/perdure/api/v1/failure';
import type { QueryResult } from '@perdure/proto/perdure/api/v1/query';
import type { WorkflowTask, WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import type { WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';

/** Workflow code made ready for the sandbox. Plain data: it may be written to disk as JSON and loaded without esbuild. */
export interface WorkflowBundle {
  /** Name of the script in stacks; holds a hash of the code. */
  readonly name: string;
  /** User code, CommonJS. */
  readonly code: string;
  /** Source map (version 3, JSON) of `code`. */
  readonly sourceMap: string;
  /** The SDK's own workflow library. */
  readonly library: string;
  /** Modules whose exported functions are workflows, as `code` knows them. */
  readonly modules: readonly string[];
  /** The largest packages and files in `code`, for the warning about expensive workflow files. */
  readonly largest: readonly string[];
  /** Packages evaluated once per thread, CommonJS. */
  readonly shared?: string;
  /** The module that exports `payloadConverter`, unless it is the default one. */
  readonly converterModule?: string;
  /** Modules that export `interceptors`. */
  readonly interceptorModules?: readonly string[];
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Settings shared by both engines. */
export interface EngineOptions {
  bundle: WorkflowBundle;
  namespace: string;
  taskQueue: string;
  /** Build id of this worker, shown by NondeterminismError. */
  buildId?: string;
  /** Bound of the cache of runs, in estimated bytes. Default 256 MiB. */
  cacheBytes?: number;
  /** Names of error classes that fail the run instead of the task; per workflow type, or for all as '*'. */
  failureTypes?: Readonly<Record<string, readonly string[]>>;
  /** Compare recorded inputs too on replay. Default false. */
  strict?: boolean;
  /** Takes log lines; of level 'metric' a value: `message` names it, `fields` holds its kind, value and tags. */
  log(level: LogLevel | 'metric', message: string, fields: Readonly<Record<string, unknown>>): void;
}

/** The answer to one task. After anything but `completed` and `queries` the run is forgotten. */
export type EngineAnswer =
  /** The token is empty: the worker fills it in. */
  | { kind: 'completed'; completion: WorkflowTaskCompletion }
  /** Answers of a query-only task. */
  | { kind: 'queries'; results: QueryResult[] }
  | { kind: 'failed'; cause: WorkflowTaskFailureCause; failure: Failure }
  /** The run is not cached at the task's base (any more): send the task again with the full history from event 1. */
  | { kind: 'needHistory' }
  /** Other runs held the thread for so long that no time is left: hand the task back, it is not the fault of this run. */
  | { kind: 'returned' };

/** Runs workflow code. One task per run at a time. */
export interface WorkflowEngine {
  readonly workflowTypes: readonly string[];
  /** `task.history` must be complete up to `seenEventId`. Never rejects, but after `close`. */
  activate(task: WorkflowTask): Promise<EngineAnswer>;
  /** The service accepted the completion: labels the cached run with its new base (0: nothing was written), or drops it when closed. */
  committed(runId: string, completedEventId: bigint, closed: boolean): void;
  /** While no thread for workflow code can be started: resolves when one was, or at `close`. Else undefined, or absent. */
  whenReady?(): Promise<void> | undefined;
  /** Forgets a run. */
  evict(runId: string): void;
  cachedRuns(): number;
  close(): Promise<void>;
}
