// One worker thread from the main thread's side: sends what is queued in one message, and replaces the thread when it is stuck or dies.

import { Worker } from 'node:worker_threads';
import { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import type { EngineOptions } from '../worker/engine.ts';
import { blockedMessage, type CoreAnswer, encodeFailure, type TaskFacts } from './core.ts';
import type { Request, ThreadReport, ThreadSettings } from './thread-messages.ts';
import { stackOfThread, type Watch, watchProgress } from './watchdog.ts';

/** How long code may hold its thread, in milliseconds. */
export interface Patience {
  /** Then its stack is logged. */
  readonly warnMs: number;
  /** Then its task fails, and the thread is replaced. */
  readonly failMs: number;
  /** So long a new thread may take to evaluate the bundle: large ones on busy machines take seconds. Default 30 000. */
  readonly startMs?: number;
}

const START_MS = 30_000;

export interface PoolOptions extends EngineOptions {
  readonly patience: Patience;
  /** Only for suspects: the limit of one entry. */
  readonly entryTimeoutMs?: number;
  /** Places in the user's sources. */
  mapPlaces(text: string): string;
}

/** Memory the suspects' thread may use less of: its runs are few. */
export const SUSPECT_CACHE_BYTES: number = 32 * 1024 * 1024;

/** When a thread is free again, tasks that have waited longer than this part of their time go back: the next may hold it as long. */
const PATIENT = 0.3;
/** The same among suspects, for runs that are not known to hold threads: they go first. */
const PATIENT_IN_LINE = 0.6;
const MOST_GUILTY = 10_000;

interface Pending {
  readonly facts: TaskFacts;
  readonly bytes: Uint8Array;
  /** When it came. */
  readonly at: number;
  resolve(answer: CoreAnswer): void;
  stack: string | undefined;
  warned: boolean;
}

export interface PoolThread {
  activate(facts: TaskFacts, bytes: Uint8Array): Promise<CoreAnswer>;
  tell(request: Request): void;
  cachedRuns(): number;
  close(): Promise<void>;
}

interface State {
  worker: Worker;
  watch: Watch;
  /** Only for suspects: one at a time, so that those that wait can be handed back. */
  readonly line: Pending[];
  /** Only for suspects: runs that held the thread when they ran last. */
  readonly guilty: Set<string>;
  /** Bundles of requests to go with the next message. */
  outbox: Request[];
  readonly pending: Map<number, Pending>;
  cachedRuns: number;
  closed: boolean;
  timer: NodeJS.Timeout | undefined;
  progress: Int32Array;
  name: string;
  /** No thread to talk to: what is pending goes to the next one. */
  replacing: boolean;
}

let lastName = 0;
let lastTask = 0;

/** Starts a thread; resolves when it has evaluated the bundle. Rejects when it cannot. */
export async function createPoolThread(options: PoolOptions): Promise<{ thread: PoolThread; workflowTypes: readonly string[] }> {
  const state = {
    line: [],
    guilty: new Set(),
    outbox: [],
    pending: new Map(),
    cachedRuns: 0,
    closed: false,
    timer: undefined,
    replacing: false,
  } as unknown as State;
  const workflowTypes = await launch(state, options);
  const thread: PoolThread = {
    activate(facts, bytes) {
      if (state.closed) return Promise.reject(new Error('the workflow engine is closed'));
      return new Promise<CoreAnswer>((resolve) => {
        const task: Pending = { facts, bytes, resolve, at: performance.now(), stack: undefined, warned: false };
        if (options.entryTimeoutMs === undefined) begin(state, options, task);
        else {
          state.line.push(task);
          serveLine(state, options);
        }
      });
    },
    tell: (request) => send(state, request),
    cachedRuns: () => state.cachedRuns,
    async close() {
      state.closed = true;
      clearInterval(state.timer);
      await state.worker.terminate();
      for (const { resolve } of [...state.pending.values(), ...state.line.splice(0)]) resolve({ kind: 'needHistory' });
      state.pending.clear();
    },
  };
  return { thread, workflowTypes };
}

function begin(state: State, options: PoolOptions, task: Pending): void {
  lastTask = (lastTask % 0x7fffffff) + 1;
  state.pending.set(lastTask, task);
  send(state, { kind: 'task', task: { id: lastTask, facts: task.facts, bytes: task.bytes } });
  state.timer ??= setInterval(() => look(state, options), options.patience.warnMs / 8).unref();
}

/** Hands back what has waited too long, and begins the next: first those who are not known to hold threads. */
function serveLine(state: State, options: PoolOptions): void {
  const now = performance.now();
  const innocent = (task: Pending): boolean => !state.guilty.has(task.facts.runId);
  for (const task of state.line.splice(0)) {
    if (now - task.at > task.facts.timeoutMs * (innocent(task) ? PATIENT_IN_LINE : PATIENT)) task.resolve({ kind: 'returned' });
    else state.line.push(task);
  }
  if (state.pending.size > 0 || state.line.length === 0 || state.closed || state.replacing) return;
  const first = state.line.findIndex(innocent);
  const [next] = state.line.splice(Math.max(first, 0), 1);
  if (next !== undefined) begin(state, options, next);
}

function send(state: State, request: Request): void {
  if (state.replacing) return;
  state.outbox.push(request);
  if (state.outbox.length > 1) return;
  // What is asked for in the same turn goes in one message.
  queueMicrotask(() => {
    const batch = state.outbox;
    state.outbox = [];
    if (!state.closed && batch.length > 0) state.worker.postMessage(batch);
  });
}

async function launch(state: State, options: PoolOptions): Promise<readonly string[]> {
  const name = `perdure-workflows-${++lastName}`;
  const progress = new Int32Array(new SharedArrayBuffer(8));
  const { log, mapPlaces: _mapPlaces, ...rest } = options;
  const settings: ThreadSettings = { ...rest, progress };
  const fromSources = import.meta.url.endsWith('.ts');
  const file = new URL(fromSources ? './thread.ts' : './thread.js', import.meta.url);
  const worker = new Worker(file, { name, workerData: settings, execArgv: fromSources ? ['--conditions=perdure-source'] : [] });
  state.worker = worker;
  state.name = name;
  state.progress = progress;
  state.watch = watchProgress(progress);
  let ready = false;
  return await new Promise<readonly string[]>((resolve, reject) => {
    const giveUp = (error: Error): void => {
      clearTimeout(timer);
      state.closed = true;
      void worker.terminate();
      reject(error);
    };
    const timer = setTimeout(() => void stuckAtStart(name, options).then(giveUp), options.patience.startMs ?? START_MS);
    worker.on('message', (report: ThreadReport) => {
      state.cachedRuns = report.cachedRuns;
      if (report.unusable !== undefined) giveUp(new Error(report.unusable));
      if (report.workflowTypes !== undefined) {
        ready = true;
        clearTimeout(timer);
        resolve(report.workflowTypes);
      }
      for (const { level, message, fields } of report.logs) log(level, message, fields);
      for (const { id, answer } of report.answers) settle(state, options, id, answer);
      serveLine(state, options);
      if (state.pending.size === 0) {
        clearInterval(state.timer);
        state.timer = undefined;
      }
    });
    worker.on('error', (error) => {
      // A thread that dies of its bundle would die of it again.
      if (!ready) giveUp(new Error(`workflow code cannot be loaded: its thread died: ${String(error)}`, { cause: error }));
      else if (state.worker === worker) void replace(state, options, `its thread died: ${String(error)}`, undefined);
    });
  });
}

/** The thread evaluates the user's modules without end. */
async function stuckAtStart(name: string, options: PoolOptions): Promise<Error> {
  const stack = options.mapPlaces(await stackOfThread(name));
  const seconds = (options.patience.startMs ?? START_MS) / 1_000;
  return new Error(`workflow code cannot be loaded: its modules were not evaluated within ${seconds} s\n${stack}`);
}

function blame(state: State, options: PoolOptions, { facts }: Pending): void {
  if (options.entryTimeoutMs === undefined) return;
  // Runs that never come back are forgotten all together some day.
  if (state.guilty.size >= MOST_GUILTY) state.guilty.clear();
  state.guilty.add(facts.runId);
}

function settle(state: State, options: PoolOptions, id: number, answer: CoreAnswer): void {
  const pending = state.pending.get(id);
  if (pending === undefined) return;
  state.pending.delete(id);
  if (answer.kind !== 'failed' || pending.stack === undefined) {
    state.guilty.delete(pending.facts.runId);
    pending.resolve(answer);
    return;
  }
  blame(state, options, pending);
  // A suspect stopped by its own time limit: only the watchdog knows where it was.
  pending.resolve({
    kind: 'failed',
    bytes: encodeFailure(blockedMessage(pending.facts.workflowType), WorkflowTaskFailureCause.DEADLOCK, pending.stack),
  });
}

/** At intervals while tasks are out. */
function look(state: State, options: PoolOptions): void {
  serveLine(state, options);
  const stuck = state.watch.look(performance.now());
  const pending = stuck && state.pending.get(stuck.taskId);
  if (stuck === undefined || pending === undefined || stuck.forMs < options.patience.warnMs) return;
  const { facts } = pending;
  if (!pending.warned) {
    pending.warned = true;
    const { workflowId, runId, workflowType } = facts;
    void stackOfThread(state.name).then((stack) => {
      pending.stack = stack;
      options.log('warn', `${blockedMessage(workflowType)}\n${options.mapPlaces(stack)}`, { workflowId, runId, workflowType });
    });
  }
  // A suspect ends by its own limit first; the thread is replaced when even that does not help.
  const { patience, entryTimeoutMs } = options;
  const limit = entryTimeoutMs === undefined ? patience.failMs : entryTimeoutMs + patience.warnMs;
  if (stuck.forMs >= limit) void replace(state, options, blockedMessage(facts.workflowType), stuck.taskId);
}

/** Fails the task that was being run, starts a new thread, and gives it what does not depend on the old one's cache. */
async function replace(state: State, options: PoolOptions, why: string, stuck: number | undefined): Promise<void> {
  state.replacing = true;
  const guilty = stuck ?? Atomics.load(state.progress, 1);
  const pending = state.pending.get(guilty);
  const waiting = [...state.pending].filter(([id]) => id !== guilty);
  state.pending.clear();
  state.outbox = [];
  const old = state.worker;
  old.removeAllListeners();
  // A thread that is being stopped may still report an error.
  old.on('error', () => {});
  const cause = stuck === undefined ? WorkflowTaskFailureCause.WORKFLOW_ERROR : WorkflowTaskFailureCause.DEADLOCK;
  if (pending !== undefined) blame(state, options, pending);
  pending?.resolve({ kind: 'failed', bytes: encodeFailure(why, cause, pending.stack ?? '') });
  // Runs of the old cache are gone: only tasks with the whole history can go on.
  const now = performance.now();
  for (const [id, one] of waiting) {
    if (now - one.at > one.facts.timeoutMs * PATIENT) one.resolve({ kind: 'returned' });
    else if (one.facts.historyFrom === 1n) state.pending.set(id, one);
    else one.resolve({ kind: 'needHistory' });
  }
  state.cachedRuns = 0;
  await old.terminate();
  if (state.closed) return;
  try {
    await launch(state, options);
    state.replacing = false;
  } catch (error) {
    options.log('error', `no new thread for workflow code: ${String(error)}`, {});
    for (const { resolve } of [...state.pending.values(), ...state.line.splice(0)]) resolve({ kind: 'needHistory' });
    state.pending.clear();
    return;
  }
  for (const [id, { facts, bytes }] of state.pending) send(state, { kind: 'task', task: { id, facts, bytes } });
  serveLine(state, options);
}
