// The engine of workers: workflow code runs in worker threads, never in the thread that polls and heartbeats.
//
// A run belongs to one thread by its id. A task that failed before (attempt 2 and later) goes to a thread of suspects, started when first
// needed, where every entry has a time limit.

import type { EngineOptions, WorkflowEngine } from '../worker/engine.ts';
import { createAnswerReader } from './answer.ts';
import { factsOf } from './core.ts';
import { createLazyThread, createPoolThread, type PoolThread, SUSPECT_CACHE_BYTES } from './pool-thread.ts';
import { createStackMapper } from './stack-map.ts';
import type { Patience, PoolOptions } from './thread-launch.ts';

/** Far more than fail at a time; the suspects' cache holds fewer. */
const MOST_SUSPECTED = 10_000;
const PATIENCE: Patience = { warnMs: 2_000, failMs: 5_000 };

export interface ThreadEngineOptions extends EngineOptions {
  /** Default 1. */
  threads?: number;
  /** Default: the stack of code that holds its thread is logged after 2 s, its task fails after 5 s. */
  patience?: Patience;
}

/** Rejects when the bundle cannot be evaluated. */
export async function createThreadEngine(options: ThreadEngineOptions): Promise<WorkflowEngine> {
  const { threads: count = 1, patience = PATIENCE, ...engineOptions } = options;
  const mapper = createStackMapper(options.bundle);
  const rest: PoolOptions = { ...engineOptions, patience, mapPlaces: mapper.text };
  const read = createAnswerReader(options.bundle);
  const each = options.cacheBytes === undefined ? rest : { ...rest, cacheBytes: Math.floor(options.cacheBytes / count) };
  const started = await Promise.all(Array.from({ length: Math.max(1, count) }, () => createPoolThread(each)));
  const threads = started.map(({ thread }) => thread);
  let suspects: PoolThread | undefined;
  /** Runs whose last task ran among the suspects. */
  const suspected = new Set<string>();
  const regular = (runId: string): PoolThread => threads[hash(runId) % threads.length] as PoolThread;
  const suspectThread = (): PoolThread => {
    suspects ??= createLazyThread({ ...rest, cacheBytes: SUSPECT_CACHE_BYTES, entryTimeoutMs: patience.failMs });
    return suspects;
  };
  const threadOf = (runId: string): PoolThread => (suspected.has(runId) ? suspectThread() : regular(runId));
  const forget = (runId: string): void => {
    threadOf(runId).tell({ kind: 'evict', runId });
    suspected.delete(runId);
  };

  return {
    workflowTypes: started[0]?.workflowTypes ?? [],
    async activate(task) {
      const facts = factsOf(task);
      const { runId } = facts;
      if (task.attempt > 1 !== suspected.has(runId)) {
        forget(runId);
        if (task.attempt > 1) suspected.add(runId);
        // Runs that other workers go on with are never heard of again.
        const [oldest] = suspected;
        if (suspected.size > MOST_SUSPECTED && oldest !== undefined) forget(oldest);
      }
      return read(await threadOf(runId).activate(facts, task.history));
    },
    committed(runId, completedEventId, closed) {
      threadOf(runId).tell({ kind: 'committed', runId, completedEventId, closed });
      if (closed) suspected.delete(runId);
    },
    evict: forget,
    whenReady() {
      const waits = threads.map((thread) => thread.whenReady());
      return waits.some((wait) => wait === undefined) ? undefined : Promise.race(waits as Promise<void>[]);
    },
    cachedRuns: () => threads.reduce((total, thread) => total + thread.cachedRuns(), 0),
    async close() {
      await Promise.all([...threads.map((thread) => thread.close()), suspects?.close()]);
    },
  };
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}
