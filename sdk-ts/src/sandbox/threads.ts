// The engine of workers: workflow code runs in worker threads, never in the thread that polls and heartbeats.
//
// A run belongs to one thread by its id. A task that failed before (attempt 2 and later) goes to a thread of suspects, started when first
// needed, where every entry has a time limit.

import { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import type { EngineOptions, WorkflowEngine } from '../worker/engine.ts';
import { createAnswerReader } from './answer.ts';
import { factsOf } from './core.ts';
import { createPoolThread, type Patience, type PoolOptions, type PoolThread, SUSPECT_CACHE_BYTES } from './pool-thread.ts';
import { createStackMapper } from './stack-map.ts';

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
  let suspects: Promise<PoolThread> | undefined;
  /** Runs whose last task ran among the suspects. */
  const suspected = new Set<string>();
  const regular = (runId: string): PoolThread => threads[hash(runId) % threads.length] as PoolThread;
  const suspectThread = (): Promise<PoolThread> => {
    suspects ??= createPoolThread({ ...rest, cacheBytes: SUSPECT_CACHE_BYTES, entryTimeoutMs: patience.failMs }).then(
      ({ thread }) => thread,
    );
    return suspects;
  };
  const threadOf = (runId: string): PoolThread | Promise<PoolThread> => (suspected.has(runId) ? suspectThread() : regular(runId));

  return {
    workflowTypes: started[0]?.workflowTypes ?? [],
    async activate(task) {
      const facts = factsOf(task);
      const { runId } = facts;
      if (task.attempt > 1 !== suspected.has(runId)) {
        (await threadOf(runId)).tell({ kind: 'evict', runId });
        if (task.attempt > 1) suspected.add(runId);
        else suspected.delete(runId);
      }
      const thread = threadOf(runId);
      return read(await (await thread).activate(facts, WorkflowTask.encode(task).finish()));
    },
    committed(runId, completedEventId, closed) {
      const request = { kind: 'committed', runId, completedEventId, closed } as const;
      if (suspected.has(runId)) void suspects?.then((thread) => thread.tell(request));
      else regular(runId).tell(request);
      if (closed) suspected.delete(runId);
    },
    evict(runId) {
      if (suspected.delete(runId)) void suspects?.then((thread) => thread.tell({ kind: 'evict', runId }));
      else regular(runId).tell({ kind: 'evict', runId });
    },
    cachedRuns: () => threads.reduce((total, thread) => total + thread.cachedRuns(), 0),
    async close() {
      await Promise.all([...threads.map((thread) => thread.close()), suspects?.then((thread) => thread.close())]);
    },
  };
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}
