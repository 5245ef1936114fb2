/** A batch as the parameters of the commit statement: one array per column, all blobs end to end in one value. */
import type { CommitRecord, ExecutionRow, HistoryRow, RunKey, VisibilityRow } from '../store.ts';
import { boolArray, int4Array, int8Array, textArray, uuidArray } from './arrays.ts';

interface LogLine {
  readonly key: RunKey;
  readonly prevSeq: number;
  readonly row: HistoryRow;
  readonly at: number;
}

interface RunLine {
  readonly key: RunKey;
  readonly record: CommitRecord;
  readonly execution: ExecutionRow;
  readonly at: number;
}

interface VisibilityLine {
  readonly key: RunKey;
  readonly prevSeq: number;
  readonly row: VisibilityRow;
  readonly at: number;
}

/** Stands for the row of a run whose `executions` row stays: only its key and flags are read. */
const UNCHANGED: ExecutionRow = {
  status: 0,
  wakeAt: null,
  lastSeq: 0,
  nextEventId: 0,
  type: '',
  taskQueue: '',
  startedAt: 0,
  closedAt: null,
};

/** Blobs one after the other; a place is counted from 1, as substr does. */
interface Blobs {
  readonly parts: Uint8Array[];
  bytes: number;
}

function append(blobs: Blobs, part: Uint8Array | undefined): number {
  const at = blobs.bytes + 1;
  if (part !== undefined) {
    blobs.parts.push(part);
    blobs.bytes += part.length;
  }
  return at;
}

const ABSENT = -1;
const lengthOf = (blob: Uint8Array | undefined): number => blob?.length ?? ABSENT;

function logParameters(lines: readonly LogLine[]): Buffer[] {
  return [
    int4Array(lines, (line) => line.key.slot),
    uuidArray(lines, (line) => line.key.runId),
    int8Array(lines, (line) => line.prevSeq),
    int8Array(lines, (line) => line.row.seq),
    int8Array(lines, (line) => line.row.firstEventId),
    int4Array(lines, (line) => line.row.eventCount),
    int4Array(lines, (line) => line.at),
    int4Array(lines, (line) => line.row.events.length),
    int4Array(lines, (line) => lengthOf(line.row.marks)),
  ];
}

function runParameters(lines: readonly RunLine[]): Buffer[] {
  return [
    int4Array(lines, (line) => line.key.slot),
    uuidArray(lines, (line) => line.key.namespaceId),
    textArray(lines, (line) => line.key.workflowId),
    uuidArray(lines, (line) => line.key.runId),
    int8Array(lines, (line) => line.record.prevSeq),
    boolArray(lines, (line) => line.record.rows.length > 0),
    boolArray(lines, (line) => line.record.closes),
    boolArray(lines, (line) => line.record.execution !== undefined),
    int4Array(lines, (line) => line.execution.status),
    int8Array(lines, (line) => line.execution.wakeAt),
    int8Array(lines, (line) => line.execution.lastSeq),
    int8Array(lines, (line) => line.execution.nextEventId),
    textArray(lines, (line) => line.execution.type),
    textArray(lines, (line) => line.execution.taskQueue),
    int8Array(lines, (line) => line.execution.startedAt),
    int8Array(lines, (line) => line.execution.closedAt),
    int4Array(lines, (line) => line.at),
    int4Array(lines, (line) => lengthOf(line.execution.checkpoint)),
    int8Array(lines, (line) => line.execution.checkpointSeq ?? null),
  ];
}

function visibilityParameters(lines: readonly VisibilityLine[]): Buffer[] {
  return [
    uuidArray(lines, (line) => line.key.namespaceId),
    uuidArray(lines, (line) => line.key.runId),
    int8Array(lines, (line) => line.prevSeq),
    textArray(lines, (line) => line.key.workflowId),
    textArray(lines, (line) => line.row.type),
    int4Array(lines, (line) => line.row.status),
    int8Array(lines, (line) => line.row.startedAt),
    int8Array(lines, (line) => line.row.closedAt),
    textArray(lines, (line) => line.row.taskQueue),
    textArray(lines, (line) => line.row.buildId),
    textArray(lines, (line) => line.row.blockedCause),
    int8Array(lines, (line) => line.row.historyLength),
    textArray(lines, (line) => (line.row.attributes === undefined ? null : JSON.stringify(line.row.attributes))),
    int4Array(lines, (line) => line.at),
    int4Array(lines, (line) => lengthOf(line.row.memo)),
  ];
}

/** Values for the commit statement, in the order of its parameters. */
export function commitParameters(me: string, records: readonly CommitRecord[]): unknown[] {
  const blobs: Blobs = { parts: [], bytes: 0 };
  const log: LogLine[] = [];
  const runs: RunLine[] = [];
  const visible: VisibilityLine[] = [];
  let expected = 0;
  for (const record of records) {
    const { key, prevSeq, execution, visibility } = record;
    for (const row of record.rows) {
      const at = append(blobs, row.events);
      append(blobs, row.marks);
      log.push({ key, prevSeq, row, at });
    }
    expected += Math.max(record.rows.length, 1);
    if (execution !== undefined || record.rows.length === 0) {
      runs.push({ key, record, execution: execution ?? UNCHANGED, at: append(blobs, execution?.checkpoint) });
    }
    if (visibility !== undefined) visible.push({ key, prevSeq, row: visibility, at: append(blobs, visibility.memo) });
  }
  const all = Buffer.concat(blobs.parts, blobs.bytes);
  return [me, all, expected, ...logParameters(log), ...runParameters(runs), ...visibilityParameters(visible)];
}
