// A state as plain text, so that two can be compared: without what only memory knows, and without what marks may leave out (R-LOG-5).
import { isStartMarkWanted } from '../../../src/core/activity.ts';
import type { Activity, RunState, TaskState } from '../../../src/core/state.ts';
import type { Run } from './run.ts';

/** What the log cannot know about a live run. */
interface LeftOut {
  /** `number.attempt` of hand-outs whose mark is not written yet. */
  readonly unwritten: ReadonlySet<string>;
  /** The last failed attempt of the task is in the log. */
  readonly taskWritten: boolean;
}

export function leftOut(run: Run): LeftOut {
  const unwritten = new Set<string>();
  for (const mark of run.lazy) {
    if (mark.attributes?.$case !== 'activityAttemptStarted' || !isStartMarkWanted(run.state, mark)) continue;
    unwritten.add(`${mark.attributes.value.number}.${mark.attributes.value.attempt}`);
  }
  const { attempt } = run.state.task;
  return { unwritten, taskWritten: attempt === writtenAttempt(attempt) };
}

export function plain(state: RunState, left: LeftOut): string {
  const { live: _live, activities, task, ...rest } = state;
  const kept = [...activities.values()].map((activity) => plainActivity(activity, left));
  return JSON.stringify({ ...rest, activities: kept, task: plainTask(task, left) }, textOf, 1);
}

function plainActivity(activity: Activity, left: LeftOut): object {
  const { live: _live, startedAt, startNumber, identity, workerId, claimId, heartbeatDetails, ...rest } = activity;
  if (left.unwritten.has(`${activity.number}.${activity.attempt}`)) return rest;
  const start = { startedAt, startNumber, claimId };
  // Details of a running attempt are written at its end, at the latest.
  return startedAt > 0 ? { ...rest, ...start, identity, workerId } : { ...rest, ...start, heartbeatDetails };
}

function plainTask(task: TaskState, left: LeftOut): object {
  // A worker whose answer got lost, or that gave a task back, is not asked again, and that is not written.
  const { stickyWorkerId: _sticky, attempt, notBefore, failure, cause, failedAt, ...rest } = task;
  if (attempt === 1) return { ...rest, attempt, notBefore };
  return { ...rest, attempt: writtenAttempt(attempt), ...(left.taskWritten ? { failure, cause, failedAt } : {}) };
}

/** The attempt the log knows: the 1st, 2nd, 4th, 8th … failure is written. */
function writtenAttempt(attempt: number): number {
  if (attempt === 1) return 1;
  return 2 ** Math.floor(Math.log2(attempt - 1)) + 1;
}

function textOf(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Map) return [...value];
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  // Buffers know how to become JSON by themselves.
  if (typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value)
    return Buffer.from(value.data as number[]).toString('hex');
  // What was decoded has its fields in another order than what was made.
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.fromEntries(Object.entries(value).sort());
  return value;
}
