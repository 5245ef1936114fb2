/**
 * Cooling: a quiet run leaves memory. What it waits for is written as wake_at; a run that only memory drives stays. Evicting
 * never changes wake_at, cooling does.
 */
import { hasUnwrittenDetails } from '../core/activity-attempts.ts';
import { hasEffects } from '../core/effects.ts';
import { wakeAt } from '../core/outstanding.ts';
import { isOpen } from '../core/state.ts';
import { act, rowOf } from './act.ts';
import type { History } from './context.ts';
import { enqueue } from './lane.ts';
import { armDueTimer, dropRun, retentionOf } from './memory.ts';
import { checkpointed } from './rows.ts';
import { type Change, type HotRun, isSettled, owedUnit } from './run.ts';

const SLICE = 5_000;
const CHECKPOINT_ROWS = 64;

/** Cools what has been quiet long enough, oldest first. */
export function coolQuiet(h: History): void {
  const before = h.env.now() - h.options.coolAfterMs;
  let seen = 0;
  for (const run of h.byUse.values()) {
    if (run.movedAt > before || seen >= SLICE) return;
    seen += 1;
    // Looked at again later; moving it keeps the order of the map.
    run.movedAt = h.env.now();
    h.byUse.delete(run.key.runId);
    h.byUse.set(run.key.runId, run);
    if (run.lastUsedAt <= before && isSettled(run) && run.queries.length === 0 && run.updateWaits === undefined && run.held.length === 0)
      cool(h, run);
  }
}

function cool(h: History, run: HotRun): void {
  if (!isOpen(run.state)) {
    if (!hasEffects(run.state)) leave(h, run, run.storedWakeAt);
    return;
  }
  const wake = wakeAt(run.state, h.env.now(), retentionOf(h, run.key));
  // It leaves when it is quiet again.
  if (wake !== 0 && writeDetails(h, run)) return;
  if (wake === 0) {
    if (h.hot.size > h.options.maxHotRuns || h.hotBytes > h.options.maxHotBytes) evict(h, run);
    return;
  }
  const checkpoint = run.rowsSinceCheckpoint >= CHECKPOINT_ROWS;
  if (wake === run.storedWakeAt && !checkpoint) leave(h, run, wake);
  else writeWake(h, run, wake, checkpoint);
}

/** Writes what attempts have reported and only memory holds; false when there is nothing. */
function writeDetails(h: History, run: HotRun): boolean {
  if (run.broken || !isOpen(run.state) || !hasUnwrittenDetails(run.state)) return false;
  try {
    act(h, run, 'writeDetails', undefined);
  } catch (error) {
    h.log('warn', 'what attempts have reported could not be written', { runId: run.key.runId, error: String(error) });
  }
  return true;
}

/** The node stops: all of that is written. */
export function writeAllDetails(h: History): void {
  for (const run of [...h.hot.values()]) writeDetails(h, run);
}

/** Writes when the run must wake; it leaves memory with the commit unless it is used meanwhile. */
export function writeWake(h: History, run: HotRun, wake: number | null, checkpoint: boolean): void {
  run.storedWakeAt = wake;
  const row = rowOf(run, wake);
  const usedAt = run.lastUsedAt;
  const change: Change = {
    run,
    events: [],
    marks: [],
    start: false,
    closes: false,
    execution: checkpoint ? checkpointed(run, { ...row, lastSeq: run.lastSeq }) : row,
    visibility: undefined,
    bytes: 256,
    committed: () => {
      if (run.lastUsedAt === usedAt && isSettled(run)) leave(h, run, wake);
    },
  };
  enqueue(h, owedUnit(change));
}

/**
 * Memory is short: a run that only waits for workers leaves without a write. Its references stay with matching and load it
 * when they are claimed, its next due time stays in the heap. Attempts that run keep it here: their signs of life are memory.
 */
function evict(h: History, run: HotRun): void {
  const { live, activities } = run.state;
  // A task that its worker asked for is in no log.
  if (live.flight !== undefined || live.forceTask || run.storedWakeAt !== 0 || hasEffects(run.state)) return;
  for (const activity of activities.values()) if (activity.startedAt > 0) return;
  const due = live.nextDue;
  dropRun(h, run);
  h.due.set(run.key, due);
  armDueTimer(h);
}

/** Drops the state. A due time that the scan has passed already stays in the heap. */
function leave(h: History, run: HotRun, wake: number | null): void {
  dropRun(h, run);
  const horizon = h.cursors.get(run.key.slot)?.horizon ?? Number.NEGATIVE_INFINITY;
  if (wake === null || wake > horizon) return;
  h.due.set(run.key, wake);
  armDueTimer(h);
}
