/** Runs, logs and due keys in memory. */
import type { DueCursor, DueKey, HistoryRow, LoadedRun, RunKey, StatusNumber } from '../store.ts';
import { compareText, executionsOf, findExecution, historyKey, isOpen, type MemoryDatabase, type StoredExecution } from './database.ts';

function owns(db: MemoryDatabase, me: string, slot: number): boolean {
  return db.slots[slot] === me;
}

function logOf(db: MemoryDatabase, slot: number, runId: string): HistoryRow[] {
  return [...(db.history.get(historyKey(slot, runId))?.values() ?? [])].sort((a, b) => a.seq - b.seq);
}

export function loadRuns(db: MemoryDatabase, me: string, keys: readonly RunKey[], whole: boolean): LoadedRun[] {
  const asked = new Map(keys.map((key) => [key.runId, key]));
  return [...asked.values()].flatMap((wanted) => {
    const stored = owns(db, me, wanted.slot) ? findExecution(db, wanted) : undefined;
    if (stored === undefined) return [];
    const { key, ...execution } = stored;
    const after = whole || stored.checkpoint === undefined ? 0 : (stored.checkpointSeq ?? 0);
    const shown = whole ? { ...execution, checkpoint: undefined, checkpointSeq: undefined } : execution;
    return [{ key, execution: shown, rows: logOf(db, key.slot, key.runId).filter((row) => row.seq > after) }];
  });
}

function newestFirst(a: StoredExecution, b: StoredExecution): number {
  return Number(isOpen(b)) - Number(isOpen(a)) || b.startedAt - a.startedAt || compareText(b.key.runId, a.key.runId);
}

export function findRun(
  db: MemoryDatabase,
  me: string,
  slot: number,
  namespaceId: string,
  workflowId: string,
): { runId: string; status: StatusNumber; closedAt: number | null } | undefined {
  if (!owns(db, me, slot)) return undefined;
  const found = executionsOf(db, { slot, namespaceId, workflowId }).sort(newestFirst)[0];
  return found === undefined ? undefined : { runId: found.key.runId, status: found.status, closedAt: found.closedAt };
}

export function readHistory(db: MemoryDatabase, slot: number, runId: string, fromEventId: number, maxBytes: number): HistoryRow[] {
  const page: HistoryRow[] = [];
  let bytes = 0;
  for (const row of logOf(db, slot, runId)) {
    if (row.eventCount === 0 || row.firstEventId + row.eventCount <= fromEventId) continue;
    bytes += row.events.length;
    if (page.length > 0 && bytes > maxBytes) break;
    page.push({ ...row, marks: undefined });
  }
  return page;
}

function compareDue(a: DueKey, b: DueKey): number {
  return (
    a.wakeAt - b.wakeAt ||
    compareText(a.key.namespaceId, b.key.namespaceId) ||
    compareText(a.key.workflowId, b.key.workflowId) ||
    compareText(a.key.runId, b.key.runId)
  );
}

function dueInSlot(db: MemoryDatabase, cursor: DueCursor, until: number, limit: number): DueKey[] {
  const after: DueKey = {
    key: { slot: cursor.slot, namespaceId: cursor.afterNamespaceId, workflowId: cursor.afterWorkflowId, runId: cursor.afterRunId },
    wakeAt: cursor.afterWakeAt,
  };
  const due: DueKey[] = [];
  for (const { key, wakeAt } of db.executions[cursor.slot]?.values() ?? []) {
    if (wakeAt === null || wakeAt > until || wakeAt < cursor.afterWakeAt) continue;
    const item = { key, wakeAt };
    if (compareDue(item, after) > 0) due.push(item);
  }
  return due.sort(compareDue).slice(0, limit);
}

export function dueKeys(db: MemoryDatabase, me: string, cursors: readonly DueCursor[], until: number, limit: number): DueKey[] {
  return [...cursors]
    .filter((cursor) => owns(db, me, cursor.slot))
    .sort((a, b) => a.slot - b.slot)
    .flatMap((cursor) => dueInSlot(db, cursor, until, limit));
}
