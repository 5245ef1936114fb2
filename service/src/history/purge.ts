/** Retention: a closed run whose time is over is deleted, a slice at a time, by its owner's fenced statement. */
import { wakeAt } from '../core/outstanding.ts';
import type { PurgeItem } from '../store/store.ts';
import type { History } from './context.ts';
import { writeWake } from './cooling.ts';
import { dropRun, isServing, retentionOf } from './memory.ts';
import { type HotRun, isSettled } from './run.ts';

const RUNS = 256;
const ROWS = 8_000;
/** Between two slices, so that purging takes at most a part of the database's time. */
const PAUSE_MS = 100;

const queues = new WeakMap<History, PurgeItem[]>();

/** Called when a closed run has come back by its wake_at. */
export function purgeIfOver(h: History, run: HotRun): void {
  const over = wakeAt(run.state, h.env.now(), retentionOf(h, run.key)) ?? Number.POSITIVE_INFINITY;
  if (!isSettled(run)) return;
  if (over > h.env.now()) {
    // Retention was made longer since the close: the run comes back later.
    if (run.storedWakeAt !== null && run.storedWakeAt <= h.env.now()) writeWake(h, run, over, false);
    return;
  }
  dropRun(h, run);
  add(h, { key: run.key });
}

/** Rows without events up to the checkpoint that has just been committed are superfluous. */
export function purgeMarks(h: History, run: HotRun): void {
  add(h, { key: run.key, marksUpToSeq: run.purgeMarksTo });
  run.purgeMarksTo = 0;
}

function add(h: History, item: PurgeItem): void {
  const queue = queues.get(h) ?? [];
  queues.set(h, queue);
  queue.push(item);
  if (queue.length === 1) h.env.setTimer(PAUSE_MS, () => void purgeSlice(h, queue));
}

async function purgeSlice(h: History, queue: PurgeItem[]): Promise<void> {
  const items = queue.slice(0, RUNS);
  try {
    const answer = await h.store.purge(h.node.info.nodeId, items, ROWS);
    if (!answer.alive) {
      queue.length = 0;
      await h.up.fenced('its row was deleted by another node');
      return;
    }
    const done = new Set(answer.done);
    queue.splice(0, items.length, ...items.filter(({ key }) => !done.has(key.runId)));
  } catch (error) {
    // Closed runs come back with the next scan of their slot; marks go with the next checkpoint.
    if (isServing(h)) h.log('warn', 'old rows could not be purged now', { error: String(error) });
    queue.length = 0;
  }
  if (queue.length > 0 && isServing(h)) h.env.setTimer(PAUSE_MS, () => void purgeSlice(h, queue));
}
