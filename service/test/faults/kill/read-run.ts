/** Reads and folds the rows of one run, as the checkers want it. */
import { History, type HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { Marks } from '@perdure/proto/perdure/server/v1/mark';
import { foldEvent } from '../../../src/core/fold.ts';
import { emptyState, type RunState } from '../../../src/core/state.ts';

export interface Row {
  readonly run_id: string;
  readonly workflow_id: string;
  readonly seq: string;
  readonly events: Buffer;
  readonly marks: Buffer | null;
}

/** A run as its rows tell it. */
export interface ReadRun {
  readonly runId: string;
  readonly workflowId: string;
  readonly state: RunState;
  readonly events: readonly HistoryEvent[];
  readonly problems: readonly string[];
}

export function readRun(rows: readonly Row[]): ReadRun {
  const { run_id: runId = '', workflow_id: workflowId = '' } = rows[0] ?? {};
  const problems: string[] = [];
  const events: HistoryEvent[] = [];
  const state = emptyState({ namespaceId: '', workflowId, runId }, 0);
  rows.forEach((row, index) => {
    if (Number(row.seq) !== index + 1) problems.push(`row ${row.seq} stands at place ${index + 1}`);
    if (row.marks !== null) Marks.decode(row.marks);
    for (const event of History.decode(row.events).events) {
      events.push(event);
      try {
        foldEvent(state, event, 0);
      } catch (error) {
        problems.push(String(error));
      }
    }
  });
  return { runId, workflowId, state, events, problems };
}

/** The arguments of the signals in a log, in order. */
export function signalsOf(events: readonly HistoryEvent[]): unknown[] {
  return events.flatMap(({ attributes }) =>
    attributes?.$case === 'workflowSignaled' ? [JSON.parse(Buffer.from(attributes.value.input[0]?.data ?? []).toString())] : [],
  );
}
