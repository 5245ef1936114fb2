// When time may skip: only while somebody waits for it, and never past anything that is still going on.
import type { Progress } from '@perdure/service/engine';
import type { Calls } from './connection.ts';
import type { Time } from './time.ts';

/** An attempt that does nothing for so long, in real ms, is left behind by `sleep`. */
const SILENCE_MS = 20;
const LONGEST_DELAY_MS = 2 ** 31 - 1;

export interface FlowOptions {
  readonly time: Time;
  readonly calls: Calls;
  readonly progress: () => Progress;
  /** Real ms for which nothing can happen before those who wait are told. */
  readonly patienceMs: number;
  /** Nothing can happen by itself any more, or a run cannot go on, and somebody waits. */
  stuck(progress: Progress): Promise<void>;
}

export interface Flow {
  /** Something has happened: time is looked at again when everything that follows from it has been done. */
  poke(): void;
  /** The same, when it was more than a worker asking for tasks. */
  stir(): void;
  /** Resolves when so much time has passed and everything that came due has been done. */
  sleep(ms: number, abort?: AbortSignal): Promise<void>;
  /** The same for code of an activity: time may skip over it as if the attempt were not there. */
  rest(ms: number, abort: AbortSignal): Promise<void>;
  /** While it is pending time does not skip. */
  hold<T>(work: Promise<T>): Promise<T>;
  close(): void;
}

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

interface State extends FlowOptions {
  readonly sleepers: Set<Sleeper>;
  readonly resting: Set<Sleeper>;
  held: number;
  running: boolean;
  poked: boolean;
  closed: boolean;
  /** When something happened last, real ms. */
  stirredAt: number;
  reporting: boolean;
  alarm: NodeJS.Timeout | undefined;
}

export function createFlow(options: FlowOptions): Flow {
  const state: State = {
    ...options,
    sleepers: new Set(),
    resting: new Set(),
    held: 0,
    running: false,
    poked: false,
    closed: false,
    stirredAt: performance.now(),
    reporting: false,
    alarm: undefined,
  };
  const stir = (): void => {
    state.stirredAt = performance.now();
    poke(state);
  };
  return {
    poke: () => poke(state),
    stir,
    sleep: (ms, abort) => enter(state, state.sleepers, ms, abort),
    rest: (ms, abort) => enter(state, state.resting, ms, abort),
    async hold(work) {
      state.held += 1;
      try {
        return await work;
      } finally {
        state.held -= 1;
        stir();
      }
    },
    close() {
      state.closed = true;
      clearTimeout(state.alarm);
    },
  };
}

function enter(state: State, sleepers: Set<Sleeper>, ms: number, abort?: AbortSignal): Promise<void> {
  if (abort?.aborted) return Promise.reject(abort.reason);
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      sleepers.delete(sleeper);
      abort?.removeEventListener('abort', stop);
      poke(state);
    };
    const stop = (): void => {
      leave();
      reject(abort?.reason);
    };
    const sleeper: Sleeper = {
      at: state.time.now() + ms,
      wake() {
        leave();
        resolve();
      },
    };
    sleepers.add(sleeper);
    abort?.addEventListener('abort', stop, { once: true });
    state.stirredAt = performance.now();
    poke(state);
  });
}

function poke(state: State): void {
  state.poked = true;
  if (state.running || state.closed) return;
  state.running = true;
  void run(state);
}

/** Promise reactions, and what was set for "as soon as possible", are done when it resolves. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function run(state: State): Promise<void> {
  const { time } = state;
  do {
    state.poked = false;
    await turn();
    while (!state.closed && time.runNext()) await turn();
    await turn();
  } while (!state.closed && (state.poked || decide(state)));
  state.running = false;
  arm(state);
}

/** Looks whether time may go on. True when something was done. */
function decide(state: State): boolean {
  const { time, calls, sleepers, resting } = state;
  if (state.held > 0 || calls.count('work') > 0) return false;
  const waiting = calls.count('wait') > 0;
  if (!waiting && sleepers.size === 0 && resting.size === 0) return false;
  const progress = state.progress();
  if (progress.moving) return false;
  if (waiting && progress.blocked.length > 0) return report(state, progress);
  const silent = performance.now() - state.stirredAt;
  const attempts = progress.attempts > resting.size;
  const tasks = progress.waitingQueues.length > 0;
  // Who says how long to sleep does not wait for attempts that only time can end, nor for workers that are not there.
  const pressing = sleepers.size > 0 && silent >= SILENCE_MS;
  if ((attempts || tasks) && !pressing) return waiting && !attempts && silent >= state.patienceMs ? report(state, progress) : false;
  if (wakeDue(state)) return true;
  const first = Math.min(...[...sleepers, ...resting].map(({ at }) => at));
  // Attempts want their heartbeats: from timer to timer. Else at once to what matters.
  const next = Math.min(first, progress.nextDue, progress.attempts > 0 ? Math.max(time.next(), time.now() + 1) : Number.POSITIVE_INFINITY);
  if (next === Number.POSITIVE_INFINITY) return silent >= state.patienceMs ? report(state, progress) : false;
  time.jump(next);
  if (progress.attempts === 0) state.stirredAt = performance.now();
  return true;
}

function wakeDue({ time, sleepers, resting }: State): boolean {
  const due = [...sleepers, ...resting].filter(({ at }) => at <= time.now()).sort((a, b) => a.at - b.at);
  due[0]?.wake();
  return due.length > 0;
}

function report(state: State, progress: Progress): false {
  if (state.reporting) return false;
  state.reporting = true;
  void state.stuck(progress).finally(() => {
    state.reporting = false;
    state.stirredAt = performance.now();
  });
  return false;
}

/** Looks again when the next timer is due, or patience may be over. Keeps the process alive only while somebody waits. */
function arm(state: State): void {
  const { time, calls, sleepers, resting } = state;
  clearTimeout(state.alarm);
  if (state.closed) return;
  const waiting = sleepers.size + resting.size + calls.count('wait') + calls.count('work') > 0;
  const patience = waiting ? SILENCE_MS : Number.POSITIVE_INFINITY;
  const delay = Math.min(Math.max(0, time.next() - time.now()), patience, LONGEST_DELAY_MS);
  state.alarm = setTimeout(() => poke(state), delay);
  if (!waiting) state.alarm.unref();
}
