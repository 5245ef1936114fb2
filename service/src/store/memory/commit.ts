/** The commit statement in memory: the same refusals in the same order as postgres/commit.ts. */
import { checkBatch } from '../checks.ts';
import type { CommitAnswer, CommitRecord, ExecutionRow, HistoryRow } from '../store.ts';
import {
  executionId,
  executionsOf,
  findExecution,
  historyKey,
  isOpen,
  type MemoryDatabase,
  visibilityKey,
  workflowKey,
} from './database.ts';

/** True when the log continues exactly at `prevSeq`: the anchor row is there and the next one is not. */
function continues(db: MemoryDatabase, record: CommitRecord): boolean {
  const log = db.history.get(historyKey(record.key.slot, record.key.runId));
  if (log?.has(record.prevSeq + 1)) return false;
  return record.prevSeq === 0 || log?.has(record.prevSeq) === true;
}

/** The open run that has the workflow id of a start, unless this batch closes it. */
function openRunInTheWay(db: MemoryDatabase, record: CommitRecord, closing: ReadonlyMap<string, CommitRecord>): string | undefined {
  for (const row of executionsOf(db, record.key)) {
    if (!isOpen(row) || row.key.runId === record.key.runId) continue;
    const close = closing.get(row.key.runId);
    if (close === undefined || !continues(db, close)) return row.key.runId;
  }
  return undefined;
}

function insertRows(db: MemoryDatabase, record: CommitRecord): void {
  const id = historyKey(record.key.slot, record.key.runId);
  let log = db.history.get(id);
  if (log === undefined) {
    log = new Map<number, HistoryRow>();
    db.history.set(id, log);
  }
  for (const row of record.rows) log.set(row.seq, row);
}

function upsertExecution(db: MemoryDatabase, record: CommitRecord, next: ExecutionRow): void {
  const { key } = record;
  const stored = findExecution(db, key);
  db.executions[key.slot]?.set(executionId(key), {
    ...next,
    key,
    checkpoint: next.checkpoint ?? stored?.checkpoint,
    checkpointSeq: next.checkpointSeq ?? stored?.checkpointSeq,
  });
  const workflow = workflowKey(key);
  const runs = db.byWorkflow.get(workflow);
  if (runs === undefined) db.byWorkflow.set(workflow, new Set([executionId(key)]));
  else runs.add(executionId(key));
}

function upsertVisibility(db: MemoryDatabase, record: CommitRecord): void {
  const { key, visibility } = record;
  if (visibility === undefined) return;
  const id = visibilityKey(key.namespaceId, key.runId);
  const stored = db.visibility.get(id);
  db.visibility.set(id, {
    ...visibility,
    namespaceId: key.namespaceId,
    workflowId: key.workflowId,
    runId: key.runId,
    // A copy by JSON: what comes back is what JSONB would give.
    attributes: JSON.parse(JSON.stringify(visibility.attributes ?? stored?.attributes ?? {})) as Record<string, unknown>,
    memo: visibility.memo ?? stored?.memo,
  });
}

/** Writes a batch wholly or record by record refused, exactly as the SQL statement would. */
export function commit(db: MemoryDatabase, me: string, records: readonly CommitRecord[]): CommitAnswer {
  checkBatch(records);
  if (!db.nodes.has(me)) return { alive: false, taken: [], written: new Set() };
  const closing = new Map(records.filter((record) => record.closes).map((record) => [record.key.runId, record]));
  const taken: { runId: string; openRunId: string }[] = [];
  // All refusals are decided before anything is written: a statement sees the tables as they were when it began.
  const accepted = records.filter((record) => {
    const openRunId = record.prevSeq === 0 ? openRunInTheWay(db, record, closing) : undefined;
    if (openRunId !== undefined) taken.push({ runId: record.key.runId, openRunId });
    return openRunId === undefined && continues(db, record);
  });
  for (const record of accepted) {
    insertRows(db, record);
    if (record.execution !== undefined) upsertExecution(db, record, record.execution);
    upsertVisibility(db, record);
  }
  return { alive: true, taken, written: new Set(accepted.map((record) => record.key.runId)) };
}
