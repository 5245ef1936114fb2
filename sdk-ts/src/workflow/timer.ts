// Timers.
//
// | from      | by                         | to        | what user code sees            |
// |-----------|----------------------------|-----------|--------------------------------|
// | -         | sleep, setTimeout          | open      | StartTimer                     |
// | open      | TimerFired                 | done      | resolved                       |
// | open      | scope cancelled, cleared   | done      | CancelTimer; CancelledFailure  |
// | done      | TimerFired (came too late) | done      | nothing                        |

import { type Duration, msToProto, protoToMs, toMs } from '../common/duration.ts';
import { intercepted } from '../common/interceptor.ts';
import { onScopeCancel, scopeOf } from './cancellation.ts';
import { fail } from './handler.ts';
import type { SleepInput, WorkflowInterceptors, WorkflowOutbound } from './interceptor.ts';
import { type CommandRules, commandRule, type EventRules } from './rules.ts';
import { captureSite, currentRun, getHost, produce, type Step, writableRun } from './run.ts';

type AnyFunction = (...args: never[]) => unknown;

export const timerEvents: Pick<EventRules, 'timerStarted' | 'timerFired' | 'timerCanceled'> = {
  timerStarted: { role: 'command', completedEventId: (value) => value.completedEventId },
  timerCanceled: { role: 'command', completedEventId: (value) => value.completedEventId },
  timerFired: {
    role: 'result',
    deliver(run, value) {
      const step = run.timers.get(value.number);
      if (step === undefined) return;
      run.timers.delete(value.number);
      step.leaveScope();
      step.resolve(undefined);
    },
  },
};

export const timerCommands: Pick<CommandRules, 'startTimer' | 'cancelTimer'> = {
  startTimer: commandRule('startTimer', {
    event: 'timerStarted',
    produced: (value) => `start timer ${value.number} (${protoToMs(value.duration)} ms)`,
    recorded: (value) => `start timer ${value.number} (${protoToMs(value.duration)} ms)`,
    same: (produced, recorded) => produced.number === recorded.number,
    site: (recorded) => recorded.callSite,
  }),
  cancelTimer: commandRule('cancelTimer', {
    event: 'timerCanceled',
    produced: (value) => `cancel timer ${value.number}`,
    recorded: (value) => `cancel timer ${value.number}`,
    same: (produced, recorded) => produced.number === recorded.number,
  }),
};

interface OpenTimer {
  label: string;
  api: string;
  above: AnyFunction;
  fire(): void;
  /** Absent: the timer is not cancelled with its scope. */
  reject?(error: unknown): void;
}

/** Starts a timer and answers its number. */
function open(ms: number, options: OpenTimer): number {
  const run = writableRun(options.api);
  const scope = scopeOf(run);
  const { reject } = options;
  if (reject !== undefined && scope.cancelled !== undefined) {
    reject(scope.cancelled);
    return 0;
  }
  run.lastTimer += 1;
  const number = run.lastTimer;
  const site = captureSite(options.above);
  produce(run, { $case: 'startTimer', value: { number, duration: msToProto(ms), callSite: '' } }, site);
  const leaveScope =
    reject === undefined
      ? () => {}
      : onScopeCancel(scope, (cause) => {
          if (cancelTimer(number)) reject(cause);
        });
  run.timers.set(number, { number, label: options.label, site, resolve: options.fire, reject: reject ?? (() => {}), leaveScope });
  return number;
}

/** Takes an open timer back; false when it was not open (any more). */
function cancelTimer(number: number): boolean {
  const run = currentRun('clearTimeout');
  const step: Step | undefined = run.timers.get(number);
  if (step === undefined) return false;
  writableRun('clearTimeout');
  run.timers.delete(number);
  step.leaveScope();
  produce(run, { $case: 'cancelTimer', value: { number } }, undefined);
  return true;
}

/** A timer inside another API: calls `fire` when due; the answer stops it. Not part of the current scope. */
export function startTimer(ms: number, api: string, above: AnyFunction, fire: () => void): () => void {
  const number = open(ms, { label: `${api} (${ms} ms)`, api, above, fire });
  return () => {
    cancelTimer(number);
  };
}

/**
 * Waits. Durable: survives restarts of everything.
 * Rejects with CancelledFailure when the scope (or the workflow) is cancelled. 0 still is a timer.
 */
export function sleep(duration: Duration): Promise<void> {
  const { interceptors } = writableRun('sleep');
  if (interceptors === undefined) return sleepOn({ duration });
  const choose = ({ outbound }: WorkflowInterceptors): WorkflowOutbound['sleep'] => outbound?.sleep?.bind(outbound);
  return intercepted(interceptors, choose, sleepOn)({ duration });
}

function sleepOn({ duration }: SleepInput): Promise<void> {
  const ms = toMs(duration, 'sleep duration');
  return new Promise<void>((resolve, reject) => {
    open(ms, { label: `sleep (${ms} ms)`, api: 'sleep', above: sleep, fire: resolve, reject });
  });
}

/** Waits until a time: a Date, or milliseconds since 1970. Returns at once (after a timer of 0 ms) when it has passed. */
export function waitUntil(time: Date | number): Promise<void> {
  const run = writableRun('waitUntil');
  const at = Number(time);
  if (!Number.isFinite(at)) throw new TypeError(`waitUntil: ${String(time)} is not a time`);
  const ms = Math.max(0, Math.ceil(at - run.now));
  return new Promise<void>((resolve, reject) => {
    open(ms, { label: `waitUntil (${ms} ms)`, api: 'waitUntil', above: waitUntil, fire: resolve, reject });
  });
}

/** The sandbox's setTimeout: a durable timer; the answer is for clearTimeout. */
export function setTimeout<A extends unknown[]>(callback: (...args: A) => void, delay?: number, ...args: A): number {
  if (typeof callback !== 'function') throw new TypeError('setTimeout: the callback must be a function');
  const ms = toMs(Math.max(0, Number(delay) || 0), 'setTimeout delay');
  const run = writableRun('setTimeout');
  const scope = scopeOf(run);
  const fire = (): void => {
    try {
      getHost().runInScope(scope, () => callback(...args));
    } catch (error) {
      fail(run, error);
    }
  };
  return open(ms, { label: `setTimeout (${ms} ms)`, api: 'setTimeout', above: setTimeout as AnyFunction, fire });
}

/** Takes a timer of setTimeout back; anything else is ignored. */
export function clearTimeout(timer: unknown): void {
  if (typeof timer === 'number') cancelTimer(timer);
}
