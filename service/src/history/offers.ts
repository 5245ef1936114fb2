/** References to tasks on their way to matching; what it has no room for waits here, about 100 bytes each. */
import { dueSince, isTaskDue } from '../core/workflow-task.ts';
import type { TaskRef } from '../roles.ts';
import type { History } from './context.ts';
import type { HotRun } from './run.ts';

/** Offers the open workflow task, or the waiting queries, to matching. */
export function offerTask(h: History, run: HotRun): void {
  const { state, key } = run;
  if (!isTaskDue(state) && run.queries.length === 0) return;
  offer(h, {
    kind: 'workflow',
    namespaceId: key.namespaceId,
    queue: state.taskQueue,
    workflowId: key.workflowId,
    runId: key.runId,
    number: 0,
    attempt: state.task.attempt,
    dueAt: dueSince(state),
    stickyWorkerId: state.task.attempt === 1 ? state.task.stickyWorkerId : run.hurriedFor,
  });
  run.hurriedFor = '';
}

/** Offers the attempt of an activity that waits for a worker. */
export function offerActivity(h: History, run: HotRun, number: number): void {
  const activity = run.state.activities.get(number);
  if (activity === undefined || activity.startedAt > 0) return;
  offer(h, {
    kind: 'activity',
    namespaceId: run.key.namespaceId,
    queue: activity.taskQueue,
    workflowId: run.key.workflowId,
    runId: run.key.runId,
    number,
    attempt: activity.attempt,
    dueAt: activity.dueAt,
    stickyWorkerId: '',
  });
}

function offer(h: History, ref: TaskRef): void {
  h.offers.push(ref);
  if (h.offersScheduled) return;
  h.offersScheduled = true;
  void Promise.resolve().then(() => flushOffers(h));
}

/** Hands references to matching, per queue; what it has no room for waits in the backlog until it asks. */
export function flushOffers(h: History): void {
  h.offersScheduled = false;
  if (h.offers.length === 0) return;
  const groups = new Map<string, TaskRef[]>();
  for (const ref of h.offers.splice(0)) {
    const name = queueName(ref.kind, ref.namespaceId, ref.queue);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [ref]);
    else group.push(ref);
  }
  for (const [name, refs] of groups) {
    const waiting = h.backlog.get(name);
    if (waiting !== undefined) {
      waiting.push(...refs);
      continue;
    }
    const taken = h.matching().offer(refs);
    if (taken < refs.length) h.backlog.set(name, refs.slice(taken));
  }
}

function queueName(kind: TaskRef['kind'], namespaceId: string, queue: string): string {
  return `${kind}/${namespaceId}/${queue}`;
}

/** Matching has room again. */
export function wantTasks(h: History, kind: TaskRef['kind'], namespaceId: string, queue: string, count: number): void {
  const name = queueName(kind, namespaceId, queue);
  const waiting = h.backlog.get(name);
  if (waiting === undefined) return;
  const refs = waiting.splice(0, count);
  if (waiting.length === 0) h.backlog.delete(name);
  const taken = h.matching().offer(refs);
  if (taken < refs.length) h.backlog.set(name, [...refs.slice(taken), ...(h.backlog.get(name) ?? [])]);
}
