/** The runs in memory: finding, using, dropping. Nothing here talks to the database. */
import { DEFAULT_RETENTION_MS, MIN_RETENTION_MS } from '../core/limits.ts';
import { slotOf } from '../core/slot.ts';
import { isOpen } from '../core/state.ts';
import { PerdureError } from '../errors.ts';
import type { RunKey } from '../store/store.ts';
import { type History, openKey } from './context.ts';
import type { HotRun } from './run.ts';
import { dropUpdateWaits } from './update-waits.ts';

/** A run used again within this time keeps its place in the order of use. */
const MOVE_MS = 500;
const LONGEST_ALARM_MS = 1_000;

export function keyOf(namespaceId: string, workflowId: string, runId: string): RunKey {
  return { slot: slotOf(namespaceId, workflowId), namespaceId, workflowId, runId };
}

/** Puts a run into memory. */
export function addRun(h: History, run: HotRun): void {
  h.hot.set(run.key.runId, run);
  if (isOpen(run.state)) h.open.set(openKey(run.key.namespaceId, run.key.workflowId), run);
  touch(h, run);
}

/** Marks the run as used now. */
export function touch(h: History, run: HotRun): void {
  run.lastUsedAt = h.env.now();
  if (run.dropped || run.lastUsedAt - run.movedAt < MOVE_MS) return;
  run.movedAt = run.lastUsedAt;
  h.byUse.delete(run.key.runId);
  h.byUse.set(run.key.runId, run);
}

/** Notes what the run takes in memory. */
export function weigh(h: History, run: HotRun, bytes: number): void {
  h.hotBytes += bytes - run.bytes;
  run.bytes = bytes;
}

/** Forgets the run's memory; whoever waits on it is told to find it again. */
export function dropRun(h: History, run: HotRun): void {
  run.dropped = true;
  weigh(h, run, 0);
  h.hot.delete(run.key.runId);
  h.byUse.delete(run.key.runId);
  h.due.set(run.key, Number.POSITIVE_INFINITY);
  const open = openKey(run.key.namespaceId, run.key.workflowId);
  if (h.open.get(open) === run) h.open.delete(open);
  for (const go of run.held.splice(0)) go();
  for (const query of run.queries.splice(0)) query.dropped();
  if (run.updateWaits !== undefined) dropUpdateWaits(run);
}

/** Forgets everything: another node may have written meanwhile. */
export function dropAll(h: History): void {
  for (const run of [...h.hot.values()]) dropRun(h, run);
  h.due.clear();
  h.backlog.clear();
  h.offers.length = 0;
  h.cursors.clear();
  h.purging.items.length = 0;
}

/** Sets when the run has to be stepped next. */
export function armRun(h: History, run: HotRun): void {
  if (run.dropped) return;
  h.due.set(run.key, run.state.live.nextDue);
  armDueTimer(h);
}

/** Sets the one timer to the heap's head. */
export function armDueTimer(h: History): void {
  const next = h.due.next();
  if (h.dueTimer !== undefined && h.dueTimerAt <= next) return;
  h.dueTimer?.cancel();
  h.dueTimer = undefined;
  if (next === Number.POSITIVE_INFINITY) return;
  h.dueTimerAt = next;
  // Looked at again every second: a machine that slept, or whose clock was set, is late by no more than that.
  h.dueTimer = h.env.setTimer(Math.min(LONGEST_ALARM_MS, Math.max(0, Math.ceil(next - h.env.now()))), () => {
    h.dueTimer = undefined;
    h.up.due();
  });
}

/** How long the run is kept after its close: the namespace's retention within 5 %, so that purges spread. */
export function retentionOf(h: History, key: RunKey): number {
  const kept = Math.max(h.retention.get(key.namespaceId) ?? DEFAULT_RETENTION_MS, MIN_RETENTION_MS);
  const spread = Number.parseInt(key.runId.slice(-4), 16) / 0xffff;
  return Math.round(kept * (0.95 + 0.1 * spread));
}

export function isServing(h: History): boolean {
  return h.node.phase === 'serving';
}

/** Throws UNAVAILABLE unless this node may answer now. Checked when an answer is released. */
export function mayServe(h: History): void {
  const { beatSent, phase } = h.node;
  const silent = Math.max(h.env.monotonic() - beatSent.monotonic, h.env.now() - beatSent.wall);
  if ((phase === 'serving' || phase === 'stopping') && silent <= h.options.serveForMs) return;
  if (phase === 'serving') throw new PerdureError('DATABASE_UNAVAILABLE', 'the database has not answered for some seconds', {}, 500);
  throw notServing(h);
}

function notServing(h: History): PerdureError {
  const { phase, trouble } = h.node;
  if (phase === 'recovering' && trouble !== '') {
    return new PerdureError('DATABASE_UNAVAILABLE', 'the service cannot reach its database and tries again', {}, 500);
  }
  return new PerdureError('UNAVAILABLE', `the service is ${phase}`, {}, 500);
}

/** Throws UNAVAILABLE unless this node takes requests for the slot. */
export function mustOwn(h: History, slot: number): void {
  if (h.node.phase === 'serving' && h.node.claims[slot] !== 0) return;
  throw h.node.phase === 'serving' ? new PerdureError('UNAVAILABLE', 'the service is taking over these runs', {}, 500) : notServing(h);
}
