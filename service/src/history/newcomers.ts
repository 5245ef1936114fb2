/**
 * New workers: one that polls a queue for the first time may run corrected code, so runs of the queue whose workflow task
 * failed are tried at once, by that worker first. Failed runs stay in memory (wake_at 0); those still being read after a
 * start of the node are hurried when they arrive.
 */
import { act } from './act.ts';
import type { History } from './context.ts';
import type { HotRun } from './run.ts';

/** The longest back-off of a workflow task, and some: after that long every failed run has tried again by itself. */
const MEMORY_MS = 900_000;
const MOST_QUEUES = 10_000;

/** From matching, in the middle of a poll: the runs are looked at right after it, once for all that came together. */
export function newWorker(h: History, namespaceId: string, queue: string, workerId: string): void {
  const name = nameOf(namespaceId, queue);
  h.newcomers.delete(name);
  h.newcomers.set(name, { workerId, at: h.env.now() });
  for (const [each, { at }] of h.newcomers) {
    if (h.newcomers.size <= MOST_QUEUES && h.env.now() - at < MEMORY_MS) break;
    h.newcomers.delete(each);
  }
  h.newcomerQueues.add(name);
  if (h.newcomerQueues.size === 1) h.env.setTimer(0, () => hurryQueues(h));
}

/** A run has just been read: hurried when a worker has come since its task failed. */
export function hurryLoaded(h: History, run: HotRun): void {
  const newcomer = h.newcomers.get(nameOf(run.key.namespaceId, run.state.taskQueue));
  if (newcomer !== undefined && newcomer.at >= run.state.task.failedAt) hurry(h, run, newcomer.workerId);
}

function hurryQueues(h: History): void {
  const names = new Set(h.newcomerQueues);
  h.newcomerQueues.clear();
  if (h.node.phase !== 'serving') return;
  for (const run of h.open.values()) {
    if (run.state.task.attempt === 1) continue;
    const name = nameOf(run.key.namespaceId, run.state.taskQueue);
    if (names.has(name)) hurry(h, run, h.newcomers.get(name)?.workerId ?? '');
  }
}

function hurry(h: History, run: HotRun, workerId: string): void {
  if (run.dropped || run.state.task.attempt === 1) return;
  run.hurriedFor = workerId;
  try {
    act(h, run, 'newWorker', undefined);
  } catch (error) {
    h.log('error', 'a run could not be tried again for a new worker', { runId: run.key.runId, error: String(error) });
  }
}

function nameOf(namespaceId: string, queue: string): string {
  return `${namespaceId}/${queue}`;
}
