/** The stored truth of every run, read straight from the tables. */

import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import { History, type HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { executionsOf, historyKey, type MemoryDatabase, type StoredExecution } from '../../src/store/memory/database.ts';
import type { HistoryRow } from '../../src/store/store.ts';

export interface StoredRun {
  readonly row: StoredExecution;
  readonly runId: string;
  readonly workflowId: string;
  readonly rows: readonly HistoryRow[];
  readonly events: readonly HistoryEvent[];
  /** Encoded, by position. */
  readonly bytes: Uint8Array;
}

type Attributes = NonNullable<HistoryEvent['attributes']>;
type Case = Attributes['$case'];
type ValueOf<K extends Case> = Extract<Attributes, { $case: K }>['value'];

/** Every run, in order of run id. */
export function storedRuns(database: MemoryDatabase): StoredRun[] {
  const runs: StoredRun[] = [];
  for (const slot of database.executions) for (const row of slot.values()) runs.push(storedRun(database, row));
  return runs.sort((a, b) => (a.runId < b.runId ? -1 : 1));
}

function storedRun(database: MemoryDatabase, row: StoredExecution): StoredRun {
  const { slot, runId, workflowId } = row.key;
  const rows = [...(database.history.get(historyKey(slot, runId))?.values() ?? [])].sort((a, b) => a.seq - b.seq);
  const bytes = Buffer.concat(rows.map((each) => each.events));
  return { row, runId, workflowId, rows, bytes, events: History.decode(bytes).events };
}

/** Events of one kind, with their values. */
export function eventsOf<K extends Case>(
  run: { readonly events: readonly HistoryEvent[] },
  kind: K,
): { id: number; time: number; value: ValueOf<K> }[] {
  return run.events.flatMap(({ id, time, attributes }) =>
    attributes?.$case === kind
      ? [{ id: Number(id), time: Number(time?.seconds) * 1_000 + (time?.nanos ?? 0) / 1e6, value: attributes.value as ValueOf<K> }]
      : [],
  );
}

/** The closing event's kind. */
export function closeOf(run: StoredRun): Case | undefined {
  const last = run.events.at(-1)?.attributes?.$case;
  return last !== undefined && /^workflow(Completed|Failed|TimedOut|Canceled|Terminated)$/.test(last) ? last : undefined;
}

/** A JSON payload. */
export function valueOf(payload: Payload | undefined): unknown {
  return payload === undefined || payload.data.length === 0 ? undefined : (JSON.parse(Buffer.from(payload.data).toString()) as unknown);
}

/** Workflow ids with more than one open run: there must be none, ever. */
export function doublyOpen(database: MemoryDatabase, keys: readonly { slot: number; namespaceId: string; workflowId: string }[]): string[] {
  return keys.flatMap((key) => (executionsOf(database, key).filter((row) => row.closedAt === null).length > 1 ? [key.workflowId] : []));
}
