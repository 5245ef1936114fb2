/** Pure reads: what a run needs done next. Nothing of this is stored; wake_at is the one number derived from it. */
import { dueTime, isDue } from './activity.ts';
import { nextDeadline } from './activity-attempts.ts';
import { type Effect, hasEffects } from './effects.ts';
import { isOpen, type RunState } from './state.ts';
import { nextTimer } from './timer.ts';
import { isTaskDue } from './workflow-task.ts';

export interface Outstanding {
  readonly workflowTask: boolean;
  /** Numbers of activities whose attempt waits for a worker. */
  readonly activityTasks: number[];
  /** Numbers of timers still to fire. */
  readonly timers: number[];
  /** What is to be done outside of the run, or has not been answered. */
  readonly effects: readonly Effect[];
}

const NONE: readonly Effect[] = [];

/** What waits at `now` for a worker or for its time. */
export function outstanding(state: RunState, now: number): Outstanding {
  const effects = state.effects === undefined ? NONE : [...state.effects.values()];
  if (!isOpen(state)) return { workflowTask: false, activityTasks: [], timers: [], effects };
  const timers = [...state.timers.keys()];
  if (state.paused !== undefined) return { workflowTask: false, activityTasks: [], timers, effects };
  const activityTasks: number[] = [];
  for (const activity of state.activities.values()) if (isDue(activity, now)) activityTasks.push(activity.number);
  const workflowTask = isTaskDue(state) && state.live.flight === undefined && state.task.notBefore <= now;
  return { workflowTask, activityTasks, timers, effects };
}

/** Earliest time at which the run has to be stepped, Infinity if none: time-outs, timers, back-offs, delays. */
export function nextDue(state: RunState): number {
  if (!isOpen(state)) return Number.POSITIVE_INFINITY;
  const held = state.paused !== undefined;
  let next = held ? Number.POSITIVE_INFINITY : nextTimer(state);
  const take = (at: number): void => {
    if (at < next) next = at;
  };
  if (state.runDeadline > 0) take(state.runDeadline);
  if (state.executionDeadline > 0) take(state.executionDeadline);
  const { flight } = state.live;
  if (flight !== undefined) take(flight.deadline);
  else if (isTaskDue(state) && !state.live.taskOffered) take(state.task.notBefore);
  for (const activity of state.activities.values()) {
    if (!activity.live.offered && !held) take(dueTime(activity));
    take(nextDeadline(activity, state));
  }
  return next;
}

/**
 * When the run must be in memory: 0 while anything is outstanding that only memory drives, else the earliest due time,
 * null when only a request can move it. A closed run stays until its effects are
 * answered, and comes back at `closedAt + retentionMs` to be purged.
 */
export function wakeAt(state: RunState, now: number, retentionMs: number): number | null {
  if (hasEffects(state)) return 0;
  if (!isOpen(state)) return state.deleting === true ? state.closedAt : state.closedAt + retentionMs;
  if (state.live.flight !== undefined) return 0;
  // A failed task stays in memory over its back-off: a new worker ends it.
  if (isTaskDue(state) && (state.task.base > 0 || state.task.attempt > 1 || state.task.notBefore <= now)) return 0;
  let next = isTaskDue(state) ? Math.min(nextDue(state), state.task.notBefore) : nextDue(state);
  for (const activity of state.activities.values()) {
    if (activity.startedAt > 0 && activity.heartbeatMs > 0) return 0;
    if (state.paused !== undefined) continue;
    if (isDue(activity, now)) return 0;
    // What has been offered counts too: the clock may have stepped back since.
    next = Math.min(next, dueTime(activity));
  }
  return next === Number.POSITIVE_INFINITY ? null : Math.max(1, Math.ceil(next));
}
