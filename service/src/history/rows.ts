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
  for (const row of rows) {
    run.bytesSinceCheckpoint += row.events.length;
    if (row.eventCount === 0) run.markRows += 1;
  }
  let execution: ExecutionRow | undefined;
  let visibility: VisibilityRow | undefined;
  for (const change of changes) {
    if (change.execution !== undefined) execution = { ...change.execution, lastSeq: run.lastSeq };
    if (change.visibility !== undefined) visibility = mergeVisibility(visibility, change.visibility);
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

/** The later row wins, but for what it leaves as it is. */
function mergeVisibility(earlier: VisibilityRow | undefined, later: VisibilityRow): VisibilityRow {
  return { ...later, attributes: later.attributes ?? earlier?.attributes, memo: later.memo ?? earlier?.memo };
}

/** Adds a checkpoint when one is due, and only when the state is exactly what the batch's last row leaves. */
function withCheckpoint(run: HotRun, changes: readonly Change[], execution: ExecutionRow | undefined): ExecutionRow | undefined {
  const last = changes.at(-1) as Change;
  const exact = run.lastUnit === undefined || run.lastUnit.changes.includes(last);
  if (!wantsCheckpoint(run) || !exact || execution === undefined || run.broken) return execution;
  return checkpointed(run, execution);
}

/** The row with a checkpoint as of the run's last seq. */
export function checkpointed(run: HotRun, execution: ExecutionRow): ExecutionRow {
  run.rowsSinceCheckpoint = 0;
  run.bytesSinceCheckpoint = 0;
  if (run.markRows > 0) run.purgeMarksTo = run.lastSeq;
  run.markRows = 0;
  return { ...execution, checkpoint: writeCheckpoint(run.state), checkpointSeq: run.lastSeq };
}

/** True when the run's next change should carry its row, so that a checkpoint can be written with it. */
export function wantsCheckpoint(run: HotRun): boolean {
  return run.rowsSinceCheckpoint >= CHECKPOINT_ROWS || run.bytesSinceCheckpoint >= CHECKPOINT_BYTES;
}

function cutRows(run: HotRun, events: readonly Recorded[], marks: readonly Mark[]): HistoryRow[] {
  if (events.length === 0) {
    if (marks.length === 0) return [];
    const firstEventId = Number((marks[0] as Mark).afterEventId) + 1;
    return [{ seq: run.lastSeq + 1, firstEventId, eventCount: 0, events: EMPTY, marks: encode(Marks, { marks: [...marks] }) }];
  }
  const cuts = [0];
  let bytes = 0;
  events.forEach(({ frame }, index) => {
    if (bytes > 0 && bytes + frame.length > MAX_ROW_BYTES) {
      cuts.push(index);
      bytes = 0;
    }
    bytes += frame.length;
  });
  return cuts.map((from, index) => {
    const cut = events.slice(from, cuts[index + 1] ?? events.length);
    return toRow(run.lastSeq + index + 1, cut, marksOf(marks, events, from, cuts[index + 1]));
  });
}

/** The marks whose place is in this row: the fold keeps their order among the events. */
function marksOf(marks: readonly Mark[], events: readonly Recorded[], from: number, to: number | undefined): readonly Mark[] {
  if (from === 0 && to === undefined) return marks;
  const least = from === 0 ? Number.NEGATIVE_INFINITY : (events[from] as Recorded).id;
  const most = to === undefined ? Number.POSITIVE_INFINITY : (events[to] as Recorded).id;
  return marks.filter(({ afterEventId }) => Number(afterEventId) >= least && Number(afterEventId) < most);
}

function toRow(seq: number, events: readonly Recorded[], marks: readonly Mark[]): HistoryRow {
  return {
    seq,
    firstEventId: (events[0] as Recorded).id,
    eventCount: events.length,
    events: joinFrames(events.map((event) => event.frame)),
    marks: marks.length === 0 ? undefined : encode(Marks, { marks: [...marks] }),
  };
}
