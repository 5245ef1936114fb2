/** Retention: a closed run whose time is over is deleted, a slice at a time, by its owner's fenced statement. */
import { wakeAt } from '../core/outstanding.ts';
import type { RunKey } from '../store/store.ts';
import type { History } from './context.ts';
import { writeWake } from './cooling.ts';
import { dropRun, retentionOf } from './memory.ts';
import { type HotRun, isSettled } from './run.ts';

const RUNS = 256;
const ROWS = 8_000;
/** Between two slices, so that purging takes at most a part of the database's time. */
const PAUSE_MS = 100;

const queues = new WeakMap<History, RunKey[]>();

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
  const queue = queues.get(h) ?? [];
  queues.set(h, queue);
  queue.push(run.key);
  if (queue.length === 1) h.env.setTimer(0, () => void purgeSlice(h, queue));
}

async function purgeSlice(h: History, queue: RunKey[]): Promise<void> {
  const keys = queue.slice(0, RUNS);
  try {
    const answer = await h.store.purge(
      h.node.info.nodeId,
      keys.map((key) => ({ key })),
      ROWS,
    );
    if (!answer.alive) {
      queue.length = 0;
      await h.up.fenced('its row was deleted by another node');
      return;
    }
    const done = new Set(answer.done);
    queue.splice(0, keys.length, ...keys.filter((key) => !done.has(key.runId)));
  } catch (error) {
    // The runs come back with the next scan of their slot.
    h.log('warn', 'closed runs could not be purged now', { error: String(error) });
    queue.length = 0;
  }
  if (queue.length > 0 && h.node.phase === 'serving') h.env.setTimer(PAUSE_MS, () => void purgeSlice(h, queue));
}
