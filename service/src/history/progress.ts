/** What all runs in memory are at, taken together: whether anything goes on, or only time or a request can move them. */
import { hasEffects } from '../core/effects.ts';
import { outstanding } from '../core/outstanding.ts';
import { isOpen } from '../core/state.ts';
import type { RunKey } from '../store/store.ts';
import type { History } from './context.ts';
import { type HotRun, isSettled } from './run.ts';

export interface Progress {
  /** Something is on its way by itself: a workflow task that is out, a query, a change that is being written, a child to be started. */
  readonly moving: boolean;
  /** Attempts of activities that workers have. */
  readonly attempts: number;
  /** Queues of tasks that wait for a worker, without duplicates. */
  readonly waitingQueues: readonly string[];
  /** Open runs whose workflow task has failed three times or more, one after the other. */
  readonly blocked: readonly RunKey[];
  readonly open: readonly RunKey[];
  /** When a run has to be stepped next, ms since 1970; Infinity if never by itself. */
  readonly nextDue: number;
}

/** Looks at every run in memory: for tests, not for services with many runs. */
export function progressOf(h: History): Progress {
  const now = h.env.now();
  const queues = new Set<string>();
  const blocked: RunKey[] = [];
  const open: RunKey[] = [];
  let moving = h.toLoad.length > 0 || h.lanes.some((lane) => lane.queued > 0 || lane.inFlight !== undefined);
  let attempts = 0;
  for (const run of h.hot.values()) {
    if (isMoving(run)) moving = true;
    const { state } = run;
    if (!isOpen(state)) continue;
    open.push(run.key);
    if (state.task.blockedSince > 0) blocked.push(run.key);
    const { workflowTask, activityTasks } = outstanding(state, now);
    if (workflowTask) queues.add(state.taskQueue);
    for (const number of activityTasks) queues.add(state.activities.get(number)?.taskQueue || state.taskQueue);
    for (const activity of state.activities.values()) if (activity.startedAt > 0) attempts += 1;
  }
  return { moving, attempts, waitingQueues: [...queues], blocked, open, nextDue: h.due.next() };
}

/** Lazy marks leave by themselves and hold up nothing. */
function isMoving(run: HotRun): boolean {
  if (run.queries.length > 0 || run.held.length > 0 || hasEffects(run.state)) return true;
  return run.state.live.flight !== undefined || (run.lastUnit !== undefined && !isSettled(run));
}
