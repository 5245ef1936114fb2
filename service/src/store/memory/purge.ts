/** Deletion of closed runs and of mark-only rows in memory, in slices. */
import type { PurgeAnswer, PurgeItem } from '../store.ts';
import {
  compareText,
  executionId,
  findExecution,
  historyKey,
  isOpen,
  type MemoryDatabase,
  visibilityKey,
  workflowKey,
} from './database.ts';

/** Seqs that may go for one item, in order. The last row of a run that stays is its anchor and never goes. */
function purgeable(db: MemoryDatabase, item: PurgeItem): number[] {
  const log = db.history.get(historyKey(item.key.slot, item.key.runId));
  const seqs = [...(log?.keys() ?? [])].sort((a, b) => a - b);
  if (item.marksUpToSeq === undefined) return seqs;
  const upTo = Math.min(item.marksUpToSeq, findExecution(db, item.key)?.checkpointSeq ?? 0, (seqs.at(-1) ?? 0) - 1);
  return seqs.filter((seq) => seq <= upTo && log?.get(seq)?.eventCount === 0);
}

function deleteRun(db: MemoryDatabase, item: PurgeItem): void {
  const { key } = item;
  db.history.delete(historyKey(key.slot, key.runId));
  db.visibility.delete(visibilityKey(key.namespaceId, key.runId));
  db.executions[key.slot]?.delete(executionId(key));
  const runs = db.byWorkflow.get(workflowKey(key));
  runs?.delete(executionId(key));
  if (runs?.size === 0) db.byWorkflow.delete(workflowKey(key));
}

export function purge(db: MemoryDatabase, me: string, items: readonly PurgeItem[], maxRows: number): PurgeAnswer {
  if (!db.nodes.has(me)) return { alive: false, done: [] };
  const done: string[] = [];
  let room = maxRows;
  const ordered = [...items].sort((a, b) => a.key.slot - b.key.slot || compareText(a.key.runId, b.key.runId));
  for (const item of ordered) {
    if (db.slots[item.key.slot] !== me) continue;
    const row = findExecution(db, item.key);
    if (row === undefined) {
      done.push(item.key.runId);
      continue;
    }
    if (item.marksUpToSeq === undefined && isOpen(row)) continue;
    const seqs = purgeable(db, item);
    const log = db.history.get(historyKey(item.key.slot, item.key.runId));
    for (const seq of seqs.slice(0, room)) log?.delete(seq);
    if (seqs.length > room) break;
    room -= seqs.length;
    if (item.marksUpToSeq === undefined) deleteRun(db, item);
    done.push(item.key.runId);
  }
  return { alive: true, done };
}
