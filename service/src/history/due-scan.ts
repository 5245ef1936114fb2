/**
 * Due scan: reads the keys that come due soon, per slot from where the last scan ended. The horizon is raised before the
 * scan is sent, so that a run that cools meanwhile with an earlier wake_at stays in the heap by itself.
 */
import type { DueCursor, DueKey } from '../store/store.ts';
import type { History } from './context.ts';
import { armDueTimer } from './memory.ts';

const PER_SLOT = 256;
const MOST_KEYS = 200_000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** Forgets what was read of these slots: the next scan begins with what must be in memory now. */
export function rescan(h: History, slots: readonly number[]): void {
  for (const slot of slots) h.cursors.set(slot, { ...cursorAt(slot, -1), horizon: -1 });
}

function cursorAt(slot: number, wakeAt: number): DueCursor {
  return { slot, afterWakeAt: wakeAt, afterNamespaceId: FIRST_ID, afterWorkflowId: '', afterRunId: FIRST_ID };
}

/** Reads all keys due within the look-ahead. Throws StoreError. */
export async function scanDue(h: History): Promise<void> {
  const { nodeId } = h.node.info;
  const until = h.env.now() + h.options.scanAheadMs;
  let cursors = [...h.cursors.values()].filter((cursor) => h.node.claims[cursor.slot] !== 0);
  while (cursors.length > 0 && h.due.size() < MOST_KEYS) {
    const claims = new Map(cursors.map(({ slot }) => [slot, h.node.claims[slot]]));
    // A slot that changed hands meanwhile begins anew by itself.
    const isSame = (slot: number): boolean => claims.get(slot) === h.node.claims[slot];
    for (const cursor of cursors) h.cursors.set(cursor.slot, { ...cursor, horizon: until });
    let keys: DueKey[];
    try {
      keys = await h.store.dueKeys(nodeId, cursors, until, PER_SLOT);
    } catch (error) {
      for (const cursor of cursors) if (isSame(cursor.slot)) h.cursors.set(cursor.slot, cursor);
      throw error;
    }
    if (h.node.info.nodeId !== nodeId) return;
    const valid = keys.filter(({ key }) => isSame(key.slot));
    for (const each of valid) take(h, each);
    cursors = advance(
      h,
      cursors.filter(({ slot }) => isSame(slot)),
      valid,
      until,
    );
    armDueTimer(h);
  }
}

/** Moves the cursors past what was read; returns those whose slot holds more. */
function advance(h: History, cursors: readonly DueCursor[], keys: readonly DueKey[], until: number): (DueCursor & { horizon: number })[] {
  const counts = new Map<number, { count: number; last: DueKey }>();
  for (const each of keys) {
    const seen = counts.get(each.key.slot);
    counts.set(each.key.slot, { count: (seen?.count ?? 0) + 1, last: each });
  }
  const more: (DueCursor & { horizon: number })[] = [];
  for (const { slot } of cursors) {
    const read = counts.get(slot);
    if (read === undefined || read.count < PER_SLOT) {
      h.cursors.set(slot, { ...cursorAt(slot, until), horizon: until });
      continue;
    }
    const { key, wakeAt } = read.last;
    const cursor = {
      slot,
      afterWakeAt: wakeAt,
      afterNamespaceId: key.namespaceId,
      afterWorkflowId: key.workflowId,
      afterRunId: key.runId,
      horizon: wakeAt,
    };
    h.cursors.set(slot, cursor);
    more.push(cursor);
  }
  return more;
}

/** The alarm loads what is due, some at a time, so that requests for cold runs need not wait for all of it. */
function take(h: History, { key, wakeAt }: DueKey): void {
  if (!h.hot.has(key.runId)) h.due.set(key, wakeAt);
}
