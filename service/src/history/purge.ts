/** Retention: a closed run whose time is over is deleted, a slice at a time, by its owner's fenced statement. */
import { wakeAt } from '../core/outstanding.ts';
import { type PurgeItem, type RunKey, StoreError } from '../store/store.ts';
import type { History } from './context.ts';
import { writeWake } from './cooling.ts';
import { armDueTimer, dropRun, isServing, retentionOf } from './memory.ts';
import { type HotRun, isSettled } from './run.ts';

const RUNS = 256;
const ROWS = 8_000;
/** Between two slices, so that purging takes at most a part of the database's time. */
const PAUSE_MS = 100;
const PUT_OFF_MS = 60_000;

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

/** Deletes a closed run that is not in memory, whatever its retention. */
export function purgeRun(h: History, key: RunKey): void {
  add(h, { key });
}

/** Rows without events up to the checkpoint that has just been committed are superfluous. */
export function purgeMarks(h: History, run: HotRun): void {
  add(h, { key: run.key, marksUpToSeq: run.purgeMarksTo });
  run.purgeMarksTo = 0;
}

function add(h: History, item: PurgeItem): void {
  h.purging.items.push(item);
  schedule(h);
}

function schedule(h: History): void {
  if (h.purging.scheduled || h.purging.items.length === 0) return;
  h.purging.scheduled = true;
  h.env.setTimer(PAUSE_MS, () => {
    void purgeSlice(h).then(() => {
      h.purging.scheduled = false;
      schedule(h);
    });
  });
}

async function purgeSlice(h: History): Promise<void> {
  const { nodeId } = h.node.info;
  const items = h.purging.items.splice(0, RUNS);
  if (!isServing(h)) {
    putOff(h, items);
    return;
  }
  try {
    const answer = await h.store.purge(nodeId, items, ROWS);
    if (!answer.alive) h.up.fenced(nodeId, 'its row was deleted by another node');
    const done = new Set(answer.done);
    const left = items.filter(({ key }) => !done.has(key.runId));
    if (answer.alive) h.purging.items.unshift(...left);
    else putOff(h, left);
  } catch (error) {
    putOff(h, items);
    if (error instanceof StoreError && error.kind === 'ambiguous') h.up.selfFence(nodeId);
    else h.log('warn', 'old rows could not be purged now', { error: String(error) });
  }
}

/** Closed runs come back in a while, or by the scan of whoever owns them then; marks go with the next checkpoint. */
function putOff(h: History, items: readonly PurgeItem[]): void {
  for (const { key, marksUpToSeq } of items) {
    if (marksUpToSeq === undefined && h.node.claims[key.slot] !== 0) h.due.set(key, h.env.now() + PUT_OFF_MS);
  }
  armDueTimer(h);
}
