/** From stored rows to a hot run: the same fold as live. Throws when the rows are not a log; the caller quarantines. */
import { type Mark, Marks } from '@perdure/proto/perdure/server/v1/mark';
import { readCheckpoint } from '../core/checkpoint.ts';
import { foldEvent, foldMark } from '../core/fold.ts';
import { decodeFrame, splitFrames } from '../core/frames.ts';
import { emptyState } from '../core/state.ts';
import type { LoadedRun } from '../store/store.ts';
import { type HotRun, newHotRun, trimTail } from './run.ts';
import { blockedCause } from './show.ts';

/** Builds the run; undefined when its checkpoint is not one of this version: the whole log is needed. `claimedAt` is when its slot was claimed. */
export function buildRun(loaded: LoadedRun, claimedAt: number, now: number): HotRun | undefined {
  const { key, execution } = loaded;
  const cached = execution.checkpoint === undefined ? undefined : readCheckpoint(execution.checkpoint, claimedAt);
  if (execution.checkpoint !== undefined && cached === undefined) return undefined;
  const rest = cached === undefined ? loaded.rows : loaded.rows.filter((row) => row.seq > (execution.checkpointSeq ?? 0));
  const state = cached ?? emptyState({ namespaceId: key.namespaceId, workflowId: key.workflowId, runId: key.runId }, claimedAt);
  const run = newHotRun(key, state, now);
  let seq = cached === undefined ? 0 : (execution.checkpointSeq ?? 0);
  for (const row of rest) {
    // Purged rows held marks only: a gap in seq is one in the log only if event ids have one too, which the fold checks.
    if (row.seq <= seq) throw new Error(`row ${row.seq} follows row ${seq}`);
    seq = row.seq;
    const marks: Mark[] = row.marks === undefined ? [] : Marks.decode(row.marks).marks;
    let next = 0;
    const upTo = (eventId: number): void => {
      for (let mark = marks[next]; mark !== undefined && Number(mark.afterEventId) <= eventId; mark = marks[next]) {
        foldMark(state, mark);
        next += 1;
      }
    };
    for (const frame of splitFrames(row.events)) {
      upTo(state.nextEventId - 1);
      const event = decodeFrame(frame);
      foldEvent(state, event, frame.length);
      run.tail.push({ id: Number(event.id), frame });
      run.bytesSinceCheckpoint += frame.length;
    }
    upTo(Number.POSITIVE_INFINITY);
    run.rowsSinceCheckpoint += 1;
  }
  if (seq < execution.lastSeq) throw new Error(`the log ends at row ${seq}, the run's row says ${execution.lastSeq}`);
  state.live.loadedAt = Math.max(claimedAt, now);
  run.lastSeq = seq;
  run.committedEventId = state.nextEventId - 1;
  run.storedWakeAt = execution.wakeAt;
  run.shown = { blockedCause: blockedCause(state), paused: state.paused !== undefined, memo: state.memo, attributes: true };
  run.tail = trimTail(run.tail, state.task.seen);
  return run;
}
