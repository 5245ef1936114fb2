// Starts a worker thread that runs workflow code, and tells when it is ready, what it says, and when it dies.

import { Worker } from 'node:worker_threads';
import type { EngineOptions } from '../worker/engine.ts';
import { type Packed, packRequests, type Request, type ThreadReport, type ThreadSettings, unpackAnswers } from './thread-messages.ts';
import { stackOfThread } from './watchdog.ts';

/** How long code may hold its thread, in milliseconds. */
export interface Patience {
  /** Then its stack is logged. */
  readonly warnMs: number;
  /** Then its task fails, and the thread is replaced. */
  readonly failMs: number;
  /** So long a new thread may take to evaluate the bundle: large ones on busy machines take seconds. Default 30 000. */
  readonly startMs?: number;
  /** After this a thread that did not start, or died soon, is tried again; doubled each time up to 30 000. Default 1 000. */
  readonly retryMs?: number;
}

const START_MS = 30_000;

export interface PoolOptions extends EngineOptions {
  readonly patience: Patience;
  /** Only for suspects: the limit of one entry. */
  readonly entryTimeoutMs?: number;
  /** Places in the user's sources. */
  mapPlaces(text: string): string;
}

/** A thread that was started. */
export interface Thread {
  /** Found in the titles that the inspector shows. */
  readonly name: string;
  /** Shared: [number of the last entry, id of the task in it or 0]. */
  readonly progress: Int32Array;
  /** Types of workflows, when it has evaluated the bundle. Rejects when it cannot, or was ended. */
  readonly ready: Promise<readonly string[]>;
  send(batch: readonly Request[]): void;
  /** Nothing is heard of it any more. */
  end(): Promise<void>;
}

export interface ThreadListener {
  report(report: ThreadReport): void;
  /** After it was ready; once. */
  died(why: string): void;
}

export type Launch = (options: PoolOptions, on: ThreadListener) => Thread;

let lastName = 0;

export function launchThread(options: PoolOptions, on: ThreadListener): Thread {
  const name = `perdure-workflows-${++lastName}`;
  const progress = new Int32Array(new SharedArrayBuffer(8));
  const { log: _log, mapPlaces: _mapPlaces, ...rest } = options;
  const settings: ThreadSettings = { ...rest, progress };
  const fromSources = import.meta.url.endsWith('.ts');
  const file = new URL(fromSources ? './thread.ts' : './thread.js', import.meta.url);
  const worker = new Worker(file, { name, workerData: settings, execArgv: fromSources ? ['--conditions=perdure-source'] : [] });
  const started = Promise.withResolvers<readonly string[]>();
  // Who ends it before it is ready does not wait for it.
  started.promise.catch(() => {});
  let state: 'starting' | 'ready' | 'over' = 'starting';
  const end = async (error: Error): Promise<void> => {
    state = 'over';
    clearTimeout(timer);
    started.reject(error);
    worker.removeAllListeners();
    // A thread that is being stopped may still report an error.
    worker.on('error', () => {});
    await worker.terminate();
  };
  const timer = setTimeout(() => void stuckAtStart(name, options).then(end), options.patience.startMs ?? START_MS);
  const dies = (error: unknown): void => {
    const wasReady = state === 'ready';
    // A thread that dies of its bundle would die of it again.
    void end(new Error(`workflow code cannot be loaded: its thread died: ${String(error)}`, { cause: error }));
    if (wasReady) on.died(`its thread died: ${String(error)}`);
  };
  worker.on('message', ({ answers, ...said }: Omit<ThreadReport, 'answers'> & { answers: Packed }) => {
    const report: ThreadReport = { ...said, answers: unpackAnswers(answers) };
    if (report.unusable !== undefined) return void end(new Error(report.unusable));
    if (report.workflowTypes !== undefined) {
      state = 'ready';
      clearTimeout(timer);
      started.resolve(report.workflowTypes);
    }
    on.report(report);
  });
  worker.on('error', dies);
  worker.on('exit', (code) => dies(new Error(`exit code ${code}`)));
  return {
    name,
    progress,
    ready: started.promise,
    send(batch) {
      const packed = packRequests(batch);
      worker.postMessage(packed, [packed.bytes.buffer]);
    },
    end: () => end(new Error('the thread was ended')),
  };
}

/** The thread evaluates the user's modules without end. */
async function stuckAtStart(name: string, options: PoolOptions): Promise<Error> {
  const stack = options.mapPlaces(await stackOfThread(name));
  const seconds = (options.patience.startMs ?? START_MS) / 1_000;
  return new Error(`workflow code cannot be loaded: its modules were not evaluated within ${seconds} s\n${stack}`);
}
