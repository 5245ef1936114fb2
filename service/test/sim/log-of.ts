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

export function isClose(kind: Case): boolean {
  return /^workflow(Completed|Failed|TimedOut|Canceled|Terminated|ContinuedAsNew)$/.test(kind);
}

/** The runs that follow each other, of which this is one: first to last. */
export function chainOf(runs: readonly StoredRun[], run: StoredRun): StoredRun[] {
  const firstOf = (each: StoredRun): string => eventsOf(each, 'workflowStarted')[0]?.value.firstRunId ?? '';
  const members = new Map(runs.filter((each) => firstOf(each) === firstOf(run)).map((each) => [each.runId, each]));
  const chain: StoredRun[] = [];
  for (let next = members.get(firstOf(run)); next !== undefined; next = members.get(newRunOf(next))) chain.push(next);
  return chain;
}

/** The run that the close of a run names, or ''. */
export function newRunOf(run: StoredRun): string {
  const value = run.events.at(-1)?.attributes?.value as { newRunId?: string } | undefined;
  return value?.newRunId ?? '';
}

/** Values of the signals of a chain, in order; one that moved along stands in two logs and counts once. */
export function signalsOf(chain: readonly StoredRun[], name: string): unknown[] {
  const all = chain.flatMap((run) => eventsOf(run, 'workflowSignaled')).filter(({ value }) => value.signalName === name);
  return [...new Map(all.map(({ value }) => [value.requestId, valueOf(value.input[0])])).values()];
}

/** The closing event's kind. */
export function closeOf(run: StoredRun): Case | undefined {
  const last = run.events.at(-1)?.attributes?.$case;
  return last !== undefined && isClose(last) ? last : undefined;
}

/** A JSON payload. */
export function valueOf(payload: Payload | undefined): unknown {
  return payload === undefined || payload.data.length === 0 ? undefined : (JSON.parse(Buffer.from(payload.data).toString()) as unknown);
}

/** Workflow ids with more than one open run: there must be none, ever. */
export function doublyOpen(database: MemoryDatabase, keys: readonly { slot: number; namespaceId: string; workflowId: string }[]): string[] {
  return keys.flatMap((key) => (executionsOf(database, key).filter((row) => row.closedAt === null).length > 1 ? [key.workflowId] : []));
}
