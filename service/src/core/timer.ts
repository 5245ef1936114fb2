/**
 * Timer.
 *
 * | state  | StartTimer       | CancelTimer           | due             | run closes |
 * |--------|------------------|-----------------------|-----------------|------------|
 * | (none) | TimerStarted → open | –                  | –               | –          |
 * | open   | BAD_COMMAND      | TimerCanceled → ended | TimerFired → ended | gone    |
 * | ended  | BAD_COMMAND      | TimerCanceled (no effect) | –           | –          |
 *
 * A timer fires at or after its due time, never before. Canceling one that has fired unseen still writes its event:
 * every command writes exactly one.
 */
import { PerdureError } from '../errors.ts';
import type { CommandRules, EventFolds } from './concepts.ts';
import { deliver } from './concepts.ts';
import { MAX_DURATION_MS, MAX_PENDING_TIMERS } from './limits.ts';
import { overLimit } from './over-limit.ts';
import type { RunState } from './state.ts';
import { fromDuration } from './time.ts';
import { record, type Transition } from './transition.ts';

export const timerFolds: EventFolds<'timerStarted' | 'timerFired' | 'timerCanceled'> = {
  timerStarted(state, value, head) {
    state.lastTimer = value.number;
    state.timers.set(value.number, { number: value.number, startedEventId: head.id, dueAt: head.time + fromDuration(value.duration) });
  },
  timerFired(state, value, head) {
    state.timers.delete(value.number);
    deliver(state, head);
  },
  timerCanceled(state, value) {
    state.timers.delete(value.number);
  },
};

export const timerCommands: CommandRules<'startTimer' | 'cancelTimer'> = {
  startTimer: {
    check(context, value) {
      if (value.number <= context.lastTimer) throw badNumber('startTimer', value.number, context.lastTimer);
      const ms = fromDuration(value.duration);
      if (!(ms >= 0 && ms <= MAX_DURATION_MS)) {
        throw new PerdureError('BAD_COMMAND', `startTimer.duration: ${ms} ms is not within 0 and ${MAX_DURATION_MS} ms`);
      }
      context.lastTimer = value.number;
      context.newTimers += 1;
      const open = context.state.timers.size + context.newTimers;
      if (open > MAX_PENDING_TIMERS) {
        throw overLimit('BAD_COMMAND', 'startTimer.number', { size: open, limit: MAX_PENDING_TIMERS, what: 'open timers' });
      }
    },
    apply(t, value, completedEventId) {
      record(t, {
        $case: 'timerStarted',
        value: { completedEventId, number: value.number, duration: value.duration, callSite: value.callSite },
      });
    },
  },
  cancelTimer: {
    check(context, value) {
      if (value.number < 1 || value.number > context.lastTimer) throw badNumber('cancelTimer', value.number, context.lastTimer);
    },
    apply(t, value, completedEventId) {
      record(t, { $case: 'timerCanceled', value: { completedEventId, number: value.number } });
    },
  },
};

function badNumber(command: string, number: number, last: number): PerdureError {
  return new PerdureError('BAD_COMMAND', `${command}.number: ${number} does not fit, the last timer of the run has number ${last}`);
}

/** Fires every timer whose time has come, in order of due time, then number. */
export function fireTimers(t: Transition): void {
  const due = [...t.state.timers.values()].filter((timer) => timer.dueAt <= t.env.now);
  due.sort((a, b) => a.dueAt - b.dueAt || a.number - b.number);
  for (const timer of due) {
    record(t, { $case: 'timerFired', value: { number: timer.number, startedEventId: BigInt(timer.startedEventId) } });
  }
}

/** Earliest due time of the run's timers, Infinity if there is none. */
export function nextTimer(state: RunState): number {
  let next = Number.POSITIVE_INFINITY;
  for (const timer of state.timers.values()) if (timer.dueAt < next) next = timer.dueAt;
  return next;
}
