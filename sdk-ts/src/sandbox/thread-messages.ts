// What the main thread and the threads that run workflow code say to each other: batches both ways.

import type { LogLevel, WorkflowBundle } from '../worker/engine.ts';
import type { CoreAnswer, TaskFacts } from './core.ts';

/** Given to a thread when it starts. */
export interface ThreadSettings {
  readonly bundle: WorkflowBundle;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly buildId?: string;
  readonly cacheBytes?: number;
  readonly failureTypes?: Readonly<Record<string, readonly string[]>>;
  readonly strict?: boolean;
  /** Only for the thread of suspects. */
  readonly entryTimeoutMs?: number;
  /** Shared: [number of the last entry, id of the task in it or 0]. */
  readonly progress: Int32Array;
}

export interface TaskMessage {
  readonly id: number;
  readonly facts: TaskFacts;
  readonly bytes: Uint8Array;
}

/** In the order in which they were asked for. */
export type Request =
  | { readonly kind: 'task'; readonly task: TaskMessage }
  | { readonly kind: 'committed'; readonly runId: string; readonly completedEventId: bigint; readonly closed: boolean }
  | { readonly kind: 'evict'; readonly runId: string };

export interface LogMessage {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Everything a thread has to say since it spoke last. */
export interface ThreadReport {
  /** First report only. */
  readonly workflowTypes?: readonly string[];
  /** The bundle cannot be evaluated: the thread is of no use. */
  readonly unusable?: string;
  readonly answers: readonly { readonly id: number; readonly answer: CoreAnswer }[];
  readonly logs: readonly LogMessage[];
  readonly cachedRuns: number;
}
