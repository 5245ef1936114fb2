// One worker thread from the main thread's side: sends what is queued in one message, and replaces the thread when it is stuck or dies.

import { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { WorkflowTaskFailure } from '@perdure/proto/perdure/api/v1/worker_service';
import { blockedMessage, type CoreAnswer, encodeFailure, type TaskFacts } from './core.ts';
import { type Launch, launchThread, type PoolOptions, type Thread } from './thread-launch.ts';
import type { Request, ThreadReport } from './thread-messages.ts';
import { stackOfThread, type Watch, watchProgress } from './watchdog.ts';

/** Memory the suspects' thread may use less of: its runs are few. */
export const SUSPECT_CACHE_BYTES: number = 32 * 1024 * 1024;

/** When a thread is free again, tasks that have waited longer than this part of their time go back: the next may hold it as long. */
const PATIENT = 0.3;
/** The same among suspects, for runs that are not known to hold threads: they go first. */
const PATIENT_IN_LINE = 0.6;
/** The same while a thread is being started. */
const PATIENT_WITHOUT_THREAD = 0.6;
/** Runs that are remembered for what they did to threads: beyond, all are forgotten. */
const MOST_REMEMBERED = 10_000;
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
/** A thread that dies within this time died soon. */
const SOON_MS = 10_000;
/** A task that was there each time its thread died for unknown reasons is taken for the reason. */
const MAX_DEATHS = 2;

interface Pending {
  readonly facts: TaskFacts;
  readonly bytes: Uint8Array;
  /** When it came. */
  readonly at: number;
  resolve(answer: CoreAnswer): void;
  /** Where it stood when it had held its thread for too long. */
  stack: string | undefined;
  /** Resolves when that is known and logged. */
  inspection: Promise<void> | undefined;
}

export interface PoolThread {
  activate(facts: TaskFacts, bytes: Uint8Array): Promise<CoreAnswer>;
  tell(request: Request): void;
  cachedRuns(): number;
  /** While threads do not start: resolves when one has, or at `close`. Else undefined. */
  whenReady(): Promise<void> | undefined;
  close(): Promise<void>;
}

interface State {
  readonly options: PoolOptions;
  readonly launch: Launch;
  thread: Thread | undefined;
  watch: Watch | undefined;
  /** Only for suspects: one at a time, so that those that wait can be handed back. */
  readonly line: Pending[];
  /** Only for suspects: runs that held the thread when they ran last. */
  readonly guilty: Set<string>;
  /** Run id → threads that died while a task of it was there. */
  readonly deaths: Map<string, number>;
  /** Bundles of requests to go with the next message. */
  outbox: Request[];
  readonly pending: Map<number, Pending>;
  cachedRuns: number;
  closed: boolean;
  timer: NodeJS.Timeout | undefined;
  /** No thread to talk to: what is pending goes to the next one. */
  replacing: boolean;
  launchedAt: number;
  /** Threads in a row that did not start or died soon. */
  failures: number;
  /** Ends a pause before the next launch. */
  wake: () => void;
  /** Told when there is a thread again, or never will be. */
  awaiting: (() => void)[];
}

let lastTask = 0;

function createState(options: PoolOptions, launch: Launch): State {
  return {
    options,
    launch,
    thread: undefined,
    watch: undefined,
    line: [],
    guilty: new Set(),
    deaths: new Map(),
    outbox: [],
    pending: new Map(),
    cachedRuns: 0,
    closed: false,
    timer: undefined,
    replacing: true,
    launchedAt: 0,
    failures: 0,
    wake: () => {},
    awaiting: [],
  };
}

/** Starts a thread; resolves when it has evaluated the bundle. Rejects when it cannot. */
export async function createPoolThread(
  options: PoolOptions,
  launch: Launch = launchThread,
): Promise<{ thread: PoolThread; workflowTypes: readonly string[] }> {
  const state = createState(options, launch);
  const workflowTypes = await launchNext(state);
  state.replacing = false;
  return { thread: poolThread(state), workflowTypes };
}

/** A thread that is started in the background, again and again until it can be; tasks wait for it, and are handed back meanwhile. */
export function createLazyThread(options: PoolOptions, launch: Launch = launchThread): PoolThread {
  const state = createState(options, launch);
  void bringUp(state);
  return poolThread(state);
}

function poolThread(state: State): PoolThread {
  return {
    activate(facts, bytes) {
      if (state.closed) return Promise.reject(new Error('the workflow engine is closed'));
      return new Promise<CoreAnswer>((resolve) => {
        const task: Pending = { facts, bytes, resolve, at: performance.now(), stack: undefined, inspection: undefined };
        state.timer ??= setInterval(() => look(state), state.options.patience.warnMs / 8).unref();
        if (state.options.entryTimeoutMs === undefined) begin(state, task);
        else {
          state.line.push(task);
          serveLine(state);
        }
      });
    },
    tell: (request) => send(state, request),
    cachedRuns: () => state.cachedRuns,
    whenReady() {
      if (state.closed || !state.replacing || state.failures === 0) return undefined;
      return new Promise((resolve) => state.awaiting.push(resolve));
    },
    async close() {
      state.closed = true;
      tellReady(state);
      clearInterval(state.timer);
      state.wake();
      await state.thread?.end();
      for (const { resolve } of [...state.pending.values(), ...state.line.splice(0)]) resolve({ kind: 'needHistory' });
      state.pending.clear();
    },
  };
}

function begin(state: State, task: Pending): void {
  lastTask = (lastTask % 0x7fffffff) + 1;
  state.pending.set(lastTask, task);
  send(state, { kind: 'task', task: { id: lastTask, facts: task.facts, bytes: task.bytes } });
}

/** Hands back what has waited too long, and begins the next: first those who are not known to hold threads. */
function serveLine(state: State): void {
  const innocent = (task: Pending): boolean => !state.guilty.has(task.facts.runId);
  for (const task of state.line.splice(0)) {
    if (isLate(task, innocent(task) ? PATIENT_IN_LINE : PATIENT)) task.resolve({ kind: 'returned' });
    else state.line.push(task);
  }
  if (state.pending.size > 0 || state.line.length === 0 || state.closed || state.replacing) return;
  const first = state.line.findIndex(innocent);
  const [next] = state.line.splice(Math.max(first, 0), 1);
  if (next !== undefined) begin(state, next);
}

function isLate({ at, facts }: Pending, part: number): boolean {
  return performance.now() - at > facts.timeoutMs * part;
}

function send(state: State, request: Request): void {
  if (state.replacing) return;
  state.outbox.push(request);
  if (state.outbox.length > 1) return;
  // What is asked for in the same turn of the event loop goes in one message: a message costs as much as several tasks in it.
  setImmediate(() => {
    const batch = state.outbox;
    state.outbox = [];
    if (!state.closed && batch.length > 0) state.thread?.send(batch);
  });
}

function launchNext(state: State): Promise<readonly string[]> {
  const { options } = state;
  const thread = state.launch(options, {
    report: (report) => onReport(state, report),
    died(why) {
      if (performance.now() - state.launchedAt < SOON_MS) state.failures += 1;
      else state.failures = 0;
      void replace(state, why, undefined);
    },
  });
  state.thread = thread;
  state.watch = watchProgress(thread.progress);
  state.launchedAt = performance.now();
  return thread.ready;
}

function onReport(state: State, report: ThreadReport): void {
  state.cachedRuns = report.cachedRuns;
  for (const { level, message, fields } of report.logs) state.options.log(level, message, fields);
  for (const { id, answer } of report.answers) settle(state, id, answer);
  serveLine(state);
  if (state.pending.size > 0 || state.line.length > 0) return;
  clearInterval(state.timer);
  state.timer = undefined;
}

function blame(state: State, { facts }: Pending): void {
  if (state.options.entryTimeoutMs === undefined) return;
  // Runs that never come back are forgotten all together some day.
  if (state.guilty.size >= MOST_REMEMBERED) state.guilty.clear();
  state.guilty.add(facts.runId);
}

function settle(state: State, id: number, answer: CoreAnswer): void {
  const pending = state.pending.get(id);
  if (pending === undefined) return;
  state.pending.delete(id);
  state.deaths.delete(pending.facts.runId);
  if (answer.kind !== 'failed' || causeOf(answer.bytes) !== WorkflowTaskFailureCause.DEADLOCK) {
    state.guilty.delete(pending.facts.runId);
    pending.resolve(answer);
    return;
  }
  blame(state, pending);
  void failBlocked(state, pending, answer);
}

/** A suspect was stopped by its own time limit: only the watchdog knows where it was, if it had the time to look. */
async function failBlocked(state: State, pending: Pending, answer: CoreAnswer): Promise<void> {
  if (pending.inspection === undefined) tellBlocked(state, pending, '');
  await pending.inspection;
  const message = blockedMessage(pending.facts.workflowType);
  if (!pending.stack) pending.resolve(answer);
  else pending.resolve({ kind: 'failed', bytes: encodeFailure(message, WorkflowTaskFailureCause.DEADLOCK, pending.stack) });
}

function tellBlocked({ options }: State, { facts }: Pending, stack: string): void {
  const { workflowId, runId, workflowType } = facts;
  options.log('warn', `${blockedMessage(workflowType)}\n${options.mapPlaces(stack)}`, { workflowId, runId, workflowType });
}

async function inspect(state: State, pending: Pending, thread: Thread): Promise<void> {
  const entry = Atomics.load(thread.progress, 0);
  const stack = await stackOfThread(thread.name);
  // What was seen of a later entry says nothing about this one.
  pending.stack = Atomics.load(thread.progress, 0) === entry ? stack : '';
  tellBlocked(state, pending, pending.stack);
}

/** Code that was slow and then failed has failed by its own error. */
function causeOf(failed: Uint8Array): WorkflowTaskFailureCause {
  return WorkflowTaskFailure.decode(failed).cause;
}

/** At intervals while tasks are out. */
function look(state: State): void {
  serveLine(state);
  if (state.replacing) {
    handBackLate(state, PATIENT_WITHOUT_THREAD);
    return;
  }
  const { options } = state;
  const stuck = state.watch?.look(performance.now());
  const pending = stuck && state.pending.get(stuck.taskId);
  if (stuck === undefined || pending === undefined || stuck.forMs < options.patience.warnMs) return;
  if (pending.inspection === undefined && state.thread !== undefined) pending.inspection = inspect(state, pending, state.thread);
  // A suspect ends by its own limit first; the thread is replaced when even that does not help.
  const { patience, entryTimeoutMs } = options;
  const limit = entryTimeoutMs === undefined ? patience.failMs : entryTimeoutMs + patience.warnMs;
  // On a busy machine this may be the first look at it: the place is told all the same.
  if (stuck.forMs < limit || pending.stack === undefined) return;
  void replace(state, blockedMessage(pending.facts.workflowType), stuck.taskId);
}

function handBackLate(state: State, part: number): void {
  for (const [id, one] of state.pending) {
    if (!isLate(one, part)) continue;
    state.pending.delete(id);
    one.resolve({ kind: 'returned' });
  }
}

/** Fails the task that was being run, starts a new thread, and gives it what does not depend on the old one's cache. */
async function replace(state: State, why: string, stuck: number | undefined): Promise<void> {
  if (state.replacing || state.closed) return;
  state.replacing = true;
  const old = state.thread;
  const guilty = stuck ?? (old === undefined ? 0 : Atomics.load(old.progress, 1));
  const pending = state.pending.get(guilty);
  state.pending.delete(guilty);
  state.outbox = [];
  state.cachedRuns = 0;
  const cause = stuck === undefined ? WorkflowTaskFailureCause.WORKFLOW_ERROR : WorkflowTaskFailureCause.DEADLOCK;
  if (pending !== undefined) blame(state, pending);
  pending?.resolve({ kind: 'failed', bytes: encodeFailure(why, cause, pending.stack ?? '') });
  if (pending === undefined) countDeath(state, why);
  handBackLate(state, PATIENT);
  // Runs of the old cache are gone: only tasks with the whole history can go on.
  for (const [id, one] of state.pending) {
    if (one.facts.historyFrom === 1n) continue;
    state.pending.delete(id);
    one.resolve({ kind: 'needHistory' });
  }
  await old?.end();
  await bringUp(state);
}

function tellReady(state: State): void {
  for (const resolve of state.awaiting.splice(0)) resolve();
}

/** Nobody knows which of them it was: who is there every time is taken for it. */
function countDeath(state: State, why: string): void {
  if (state.deaths.size >= MOST_REMEMBERED) state.deaths.clear();
  for (const [id, one] of state.pending) {
    const { runId } = one.facts;
    const deaths = (state.deaths.get(runId) ?? 0) + 1;
    state.deaths.set(runId, deaths);
    if (deaths < MAX_DEATHS) continue;
    state.deaths.delete(runId);
    state.pending.delete(id);
    one.resolve({ kind: 'failed', bytes: encodeFailure(why, WorkflowTaskFailureCause.WORKFLOW_ERROR) });
  }
}

/** Launches until there is a thread. What waits too long meanwhile is handed back by `look`. */
async function bringUp(state: State): Promise<void> {
  const { log, patience, entryTimeoutMs } = state.options;
  // Suspects are few: the others go on.
  const more = entryTimeoutMs === undefined ? ' and no more are asked for' : '';
  while (!state.closed) {
    const retry = (patience.retryMs ?? RETRY_MS) * 2 ** Math.min(state.failures - 2, 16);
    // The first time may have been chance.
    if (state.failures > 1) await pause(state, Math.min(retry, MAX_RETRY_MS));
    if (state.closed) return;
    try {
      await launchNext(state);
      break;
    } catch (error) {
      state.failures += 1;
      if (!state.closed)
        log('error', `no new thread for workflow code; tasks are handed back${more} until there is one: ${String(error)}`, {});
    }
  }
  if (state.closed) return;
  state.replacing = false;
  tellReady(state);
  for (const [id, { facts, bytes }] of state.pending) send(state, { kind: 'task', task: { id, facts, bytes } });
  serveLine(state);
}

function pause(state: State, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms).unref();
    state.wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
