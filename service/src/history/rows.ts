/** From changes to what the store writes: one record per run and batch. */

import type { Mark } from '@perdure/proto/perdure/server/v1/mark';
import { Marks } from '@perdure/proto/perdure/server/v1/mark';
import { writeCheckpoint } from '../core/checkpoint.ts';
import { encode } from '../core/encode.ts';
import { joinFrames } from '../core/frames.ts';
import { MAX_ROW_BYTES } from '../core/limits.ts';
import type { Recorded } from '../core/transition.ts';
import type { CommitRecord, ExecutionRow, HistoryRow, VisibilityRow } from '../store/store.ts';
import type { Change, HotRun, Unit } from './run.ts';

/** A hot run gets a checkpoint after this many rows or bytes, so that loading it never folds more. */
const CHECKPOINT_ROWS = 256;
const CHECKPOINT_BYTES = 1_048_576;
/** A row is closed at this many marks, whatever their size. */
const EMPTY = new Uint8Array(0);

interface Group {
  readonly run: HotRun;
  readonly changes: Change[];
}

/** Merges the units' changes per run and numbers the rows. Called when the batch leaves, in queue order. */
export function toRecords(units: readonly Unit[]): CommitRecord[] {
  const groups = new Map<string, Group>();
  for (const unit of units) {
    for (const change of unit.changes) {
      const group = groups.get(change.run.key.runId);
      if (group === undefined) groups.set(change.run.key.runId, { run: change.run, changes: [change] });
      else group.changes.push(change);
    }
  }
  return [...groups.values()].map(toRecord);
}

function toRecord({ run, changes }: Group): CommitRecord {
  const prevSeq = run.lastSeq;
  const events = changes.length === 1 ? (changes[0] as Change).events : changes.flatMap((change) => change.events);
  const marks = changes.length === 1 ? (changes[0] as Change).marks : changes.flatMap((change) => change.marks);
  const rows = cutRows(run, events, marks);
  run.lastSeq = prevSeq + rows.length;
  run.rowsSinceCheckpoint += rows.length;
  for (const row of rows) run.bytesSinceCheckpoint += row.events.length;
  let execution: ExecutionRow | undefined;
  let visibility: VisibilityRow | undefined;
  for (const change of changes) {
    if (change.execution !== undefined) execution = { ...change.execution, lastSeq: run.lastSeq };
    if (change.visibility !== undefined) visibility = { ...visibility, ...change.visibility };
  }
  const start = changes.some((change) => change.start);
  return {
    key: run.key,
    prevSeq,
    rows,
    execution: withCheckpoint(run, changes, execution),
    visibility,
    closes: changes.some((change) => change.closes) && !start,
  };
}

/** Adds a checkpoint when one is due, and only when the state is exactly what the batch's last row leaves. */
function withCheckpoint(run: HotRun, changes: readonly Change[], execution: ExecutionRow | undefined): ExecutionRow | undefined {
  const due = run.rowsSinceCheckpoint >= CHECKPOINT_ROWS || run.bytesSinceCheckpoint >= CHECKPOINT_BYTES;
  const last = changes.at(-1) as Change;
  const exact = run.lastUnit === undefined || run.lastUnit.changes.includes(last);
  if (!due || !exact || execution === undefined) return execution;
  return checkpointed(run, execution);
}

/** The row with a checkpoint as of the run's last seq. */
export function checkpointed(run: HotRun, execution: ExecutionRow): ExecutionRow {
  run.rowsSinceCheckpoint = 0;
  run.bytesSinceCheckpoint = 0;
  return { ...execution, checkpoint: writeCheckpoint(run.state), checkpointSeq: run.lastSeq };
}

/** True when the run's next change should carry its row, so that a checkpoint can be written with it. */
export function wantsCheckpoint(run: HotRun): boolean {
  return run.rowsSinceCheckpoint >= CHECKPOINT_ROWS || run.bytesSinceCheckpoint >= CHECKPOINT_BYTES;
}

function cutRows(run: HotRun, events: readonly Recorded[], marks: readonly Mark[]): HistoryRow[] {
  const rows: HistoryRow[] = [];
  const encodedMarks = marks.length === 0 ? undefined : encode(Marks, { marks: [...marks] });
  if (events.length === 0) {
    if (encodedMarks === undefined) return rows;
    const firstEventId = Number((marks[0] as Mark).afterEventId) + 1;
    return [{ seq: run.lastSeq + 1, firstEventId, eventCount: 0, events: EMPTY, marks: encodedMarks }];
  }
  let from = 0;
  let bytes = 0;
  for (let index = 0; index < events.length; index += 1) {
    const size = (events[index] as Recorded).frame.length;
    if (index > from && bytes + size > MAX_ROW_BYTES) {
      rows.push(toRow(run, rows.length, events, from, index));
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  rows.push(toRow(run, rows.length, events, from, events.length));
  if (encodedMarks !== undefined) rows[rows.length - 1] = { ...(rows.at(-1) as HistoryRow), marks: encodedMarks };
  return rows;
}

function toRow(run: HotRun, before: number, events: readonly Recorded[], from: number, to: number): HistoryRow {
  const cut = events.slice(from, to);
  return {
    seq: run.lastSeq + before + 1,
    firstEventId: (cut[0] as Recorded).id,
    eventCount: cut.length,
    events: joinFrames(cut.map((event) => event.frame)),
    marks: undefined,
  };
}
