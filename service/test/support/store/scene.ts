/** What the tests of the store share: a node that owns a slot of its own, and short ways to write records. */
import { expect } from 'vitest';
import { DEFAULT_NAMESPACE } from '../../../src/store/seed.ts';
import {
  type CommitAnswer,
  type CommitRecord,
  type ExecutionRow,
  type HistoryRow,
  type NodeInfo,
  type RunKey,
  type Store,
  StoreError,
  type VisibilityRow,
} from '../../../src/store/store.ts';

/** Opens one more store on the database that all tests of a suite share. */
export type OpenStore = () => Promise<Store>;

let ids = 0;
/** Before the first slot that tests take, so that tests may use some by number. */
let slots = 100;

/** A UUID that no other test uses; later ones are greater. */
export function newId(): string {
  ids += 1;
  return `00000000-0000-7000-8000-${ids.toString(16).padStart(12, '0')}`;
}

export function newSlot(): number {
  slots += 1;
  return slots;
}

export function nodeInfo(nodeId: string = newId()): NodeInfo {
  return { nodeId, address: '127.0.0.1:7233', roles: 'history', version: '0.1.0' };
}

/** A registered node that owns one slot. */
export interface Scene {
  readonly store: Store;
  readonly me: string;
  readonly slot: number;
}

export async function newScene(store: Store): Promise<Scene> {
  const node = nodeInfo();
  const slot = newSlot();
  await store.registerNode(node);
  expect(await store.claimSlots(node.nodeId, [slot])).toEqual([slot]);
  return { store, me: node.nodeId, slot };
}

export function newKey(scene: Scene, workflowId: string = `order-${newId()}`): RunKey {
  return { slot: scene.slot, namespaceId: DEFAULT_NAMESPACE.namespaceId, workflowId, runId: newId() };
}

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

export function logRow(seq: number, more: Partial<HistoryRow> = {}): HistoryRow {
  return { seq, firstEventId: seq, eventCount: 1, events: bytes(`events ${seq}`), marks: undefined, ...more };
}

export const OPEN: ExecutionRow = {
  status: 1,
  wakeAt: 0,
  lastSeq: 1,
  nextEventId: 2,
  type: 'order',
  taskQueue: 'orders',
  startedAt: 1_000,
  closedAt: null,
};

export const CLOSED: ExecutionRow = { ...OPEN, status: 2, wakeAt: null, lastSeq: 2, nextEventId: 3, closedAt: 2_000 };

export const VISIBLE: VisibilityRow = {
  type: 'order',
  status: 1,
  startedAt: 1_000,
  closedAt: null,
  taskQueue: 'orders',
  buildId: 'b1',
  blockedCause: '',
  historyLength: 1,
};

export function startRecord(key: RunKey, more: Partial<CommitRecord> = {}): CommitRecord {
  return { key, prevSeq: 0, rows: [logRow(1)], execution: OPEN, closes: false, ...more };
}

export function nextRecord(key: RunKey, prevSeq: number, more: Partial<CommitRecord> = {}): CommitRecord {
  return { key, prevSeq, rows: [logRow(prevSeq + 1)], closes: false, ...more };
}

export function closeRecord(key: RunKey, prevSeq: number, more: Partial<CommitRecord> = {}): CommitRecord {
  return nextRecord(key, prevSeq, { execution: { ...CLOSED, lastSeq: prevSeq + 1 }, closes: true, ...more });
}

/** Commits and expects that everything was written. */
export async function write(scene: Scene, ...records: CommitRecord[]): Promise<void> {
  const answer = await scene.store.commit(scene.me, 0, records);
  expect(outcome(answer)).toEqual({ alive: true, taken: [], written: records.map((record) => record.key.runId).sort() });
}

/** An answer in a form that compares well. */
export function outcome(answer: CommitAnswer): { alive: boolean; taken: string[]; written: string[] } {
  return {
    alive: answer.alive,
    taken: answer.taken.map((pair) => `${pair.runId} behind ${pair.openRunId}`),
    written: [...answer.written].sort(),
  };
}

/** The seqs of a run's log as loaded, with a text of each row's events. */
export async function logOf(scene: Scene, key: RunKey): Promise<string[]> {
  const [run] = await scene.store.loadRuns(scene.me, [key]);
  return (run?.rows ?? []).map((row) => `${row.seq}: ${Buffer.from(row.events).toString()}`);
}

export async function executionOf(scene: Scene, key: RunKey): Promise<ExecutionRow | undefined> {
  const [run] = await scene.store.loadRuns(scene.me, [key]);
  return run?.execution;
}

/** The kind of the StoreError that a call rejects with. */
export async function failureKind(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'none';
  } catch (error) {
    return error instanceof StoreError ? error.kind : `not a StoreError: ${String(error)}`;
  }
}
