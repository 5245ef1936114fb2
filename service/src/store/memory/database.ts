/** The tables of the memory store as plain data. Several stores may share one database, as nodes do. */
import { DEFAULT_NAMESPACE, MAC_SECRET, OPEN_STATUS, SLOT_COUNT } from '../seed.ts';
import type { ExecutionRow, HistoryRow, NamespaceRow, NodeInfo, RunKey, VisibilityEntry } from '../store.ts';

/** One row of `executions`. */
export interface StoredExecution extends ExecutionRow {
  readonly key: RunKey;
}

/** One row of `visibility`. */
export interface StoredVisibility extends VisibilityEntry {
  readonly namespaceId: string;
}

export interface MemoryDatabase {
  readonly nodes: Map<string, NodeInfo>;
  readonly heartbeats: Map<string, { beat: number; draining: boolean }>;
  readonly slots: (string | null)[];
  /** By slot, then by run (see `executionId`). */
  readonly executions: Map<string, StoredExecution>[];
  /** Runs of one workflow id (see `workflowKey`): stands for the index on open runs. */
  readonly byWorkflow: Map<string, Set<string>>;
  /** By `historyKey`, then by seq. */
  readonly history: Map<string, Map<number, HistoryRow>>;
  /** By `visibilityKey`. */
  readonly visibility: Map<string, StoredVisibility>;
  readonly namespaces: Map<string, NamespaceRow>;
  readonly secrets: Map<string, Uint8Array>;
}

/** A database as `migrate` leaves it. Its MAC secret is always the same bytes, so that runs repeat exactly. */
export function createMemoryDatabase(): MemoryDatabase {
  return {
    nodes: new Map(),
    heartbeats: new Map(),
    slots: Array.from({ length: SLOT_COUNT }, () => null),
    executions: Array.from({ length: SLOT_COUNT }, () => new Map<string, StoredExecution>()),
    byWorkflow: new Map(),
    history: new Map(),
    visibility: new Map(),
    namespaces: new Map([[DEFAULT_NAMESPACE.name, DEFAULT_NAMESPACE]]),
    secrets: new Map([[MAC_SECRET, new Uint8Array(32).fill(0x5e)]]),
  };
}

export function executionId(key: RunKey): string {
  return `${key.namespaceId}/${key.runId}/${key.workflowId}`;
}

export function workflowKey(key: { slot: number; namespaceId: string; workflowId: string }): string {
  return `${key.slot}/${key.namespaceId}/${key.workflowId}`;
}

export function historyKey(slot: number, runId: string): string {
  return `${slot}/${runId}`;
}

export function visibilityKey(namespaceId: string, runId: string): string {
  return `${namespaceId}/${runId}`;
}

/** The row of one run, or undefined. Slots outside 0..4095 hold nothing. */
export function findExecution(db: MemoryDatabase, key: RunKey): StoredExecution | undefined {
  return db.executions[key.slot]?.get(executionId(key));
}

/** Rows of all runs of one workflow id. */
export function executionsOf(db: MemoryDatabase, key: { slot: number; namespaceId: string; workflowId: string }): StoredExecution[] {
  const found: StoredExecution[] = [];
  for (const id of db.byWorkflow.get(workflowKey(key)) ?? []) {
    const row = db.executions[key.slot]?.get(id);
    if (row !== undefined) found.push(row);
  }
  return found;
}

export function isOpen(row: ExecutionRow): boolean {
  return row.status === OPEN_STATUS;
}

/** Orders texts by their bytes, as the database does. */
export function compareText(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}
