// Conditions: waiting until something is true. Nothing is written to the log but the timer of a time-out.

import { type Duration, toMs } from '../common/duration.ts';
import { onScopeCancel, scopeOf } from './cancellation.ts';
import { type Condition, captureSite, type Run, writableRun } from './run.ts';
import { startTimer } from './timer.ts';

/**
 * Waits until `predicate` is true. It must be synchronous and only read; it is asked after every step of the workflow.
 * With a time-out the answer is false when it was not true in time. Rejects with CancelledFailure when the scope is cancelled,
 * and with whatever the predicate throws.
 */
export function condition(predicate: () => boolean): Promise<void>;
export function condition(predicate: () => boolean, timeout: Duration): Promise<boolean>;
export function condition(predicate: () => boolean, timeout?: Duration): Promise<unknown> {
  const run = writableRun('condition');
  if (typeof predicate !== 'function') throw new TypeError('condition: the predicate must be a function');
  const ms = timeout === undefined ? undefined : toMs(timeout, 'condition timeout');
  const scope = scopeOf(run);
  if (scope.cancelled !== undefined) return Promise.reject(scope.cancelled);
  const site = captureSite(condition);
  return new Promise((resolve, reject) => {
    let stop = () => {};
    const end = (): void => {
      waiting.done = true;
      leave();
      stop();
    };
    const waiting: Condition = {
      predicate,
      site,
      timedOut: false,
      done: false,
      resolve(value) {
        end();
        resolve(ms === undefined ? undefined : value);
      },
      reject(error) {
        end();
        reject(error);
      },
    };
    const leave = onScopeCancel(scope, (cause) => waiting.reject(cause));
    if (ms !== undefined) {
      stop = startTimer(ms, 'condition', condition, () => {
        waiting.timedOut = true;
      });
    }
    run.conditions.push(waiting);
  });
}

/** Calls a predicate as a read-only call. */
function ask(run: Run, predicate: () => unknown): { readonly value: unknown } | { readonly error: unknown } {
  const { random, readOnly } = run;
  run.readOnly = 'the predicate of condition()';
  // Draws of a read-only call must not move the run's stream.
  run.random = [...random];
  try {
    return { value: predicate() };
  } catch (error) {
    return { error };
  } finally {
    run.readOnly = readOnly;
    run.random = random;
  }
}

/**
 * Tries waiting conditions from position `from` on, in the order they were awaited, until one wakes.
 * Answers the position after it, or -1 when none did.
 */
export function tryConditions(run: Run, from: number): number {
  for (let at = from; at < run.conditions.length; at += 1) {
    const waiting = run.conditions[at] as Condition;
    if (waiting.done) continue;
    const answer = ask(run, waiting.predicate);
    if ('error' in answer) {
      waiting.reject(answer.error);
      return at + 1;
    }
    const { value } = answer;
    if (typeof value === 'object' && value !== null && 'then' in value) {
      waiting.reject(new TypeError('condition: the predicate must not be async'));
      return at + 1;
    }
    if (value) waiting.resolve(true);
    else if (waiting.timedOut) waiting.resolve(false);
    else continue;
    return at + 1;
  }
  return -1;
}

/** Forgets conditions that have ended. Answers where position `from` is then. */
export function sweepConditions(run: Run, from: number): number {
  let ended = 0;
  for (let at = 0; at < from && at < run.conditions.length; at += 1) if (run.conditions[at]?.done) ended += 1;
  if (run.conditions.some((waiting) => waiting.done)) run.conditions = run.conditions.filter((waiting) => !waiting.done);
  return from - ended;
}
