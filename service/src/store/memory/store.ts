/**
 * The Store contract in memory, for simulation and tests. It has no timers and no randomness: every call takes effect
 * at once, or where `faults` lets it, so that a simulation that repeats its inputs repeats everything.
 */
import { checkNamespace } from '../checks.ts';
import { type NamespaceRow, type Store, StoreError } from '../store.ts';
import { commit } from './commit.ts';
import { createMemoryDatabase, type MemoryDatabase } from './database.ts';
import * as ownership from './ownership.ts';
import { purge } from './purge.ts';
import { dueKeys, findRun, loadRuns, readHistory } from './reads.ts';
import { countVisibility, groupVisibility, listVisibility } from './visibility.ts';

/** One call of a store, as faults see it. */
export interface StoreCall {
  readonly method: Exclude<keyof Store, 'close'>;
  /** As given by the caller; the first one is the calling node's id where the method takes it. */
  readonly args: readonly unknown[];
}

/**
 * Consulted at each call. A thrown StoreError reaches the caller: from `before` the call has not taken effect, from
 * `after` it has. A returned promise is awaited and so delays the effect or the answer.
 */
export interface StoreFaults {
  before?(call: StoreCall): void | Promise<void>;
  after?(call: StoreCall): void | Promise<void>;
}

export interface MemoryStoreOptions {
  /** The database's clock, ms since 1970. */
  now(): number;
  /** Shared by the stores of all nodes of one cluster. Default: an own, empty one. */
  readonly database?: MemoryDatabase | undefined;
  readonly faults?: StoreFaults | undefined;
}

function createNamespace(db: MemoryDatabase, row: NamespaceRow): NamespaceRow {
  checkNamespace(row);
  const stored = db.namespaces.get(row.name);
  if (stored !== undefined) return stored;
  for (const other of db.namespaces.values()) {
    if (other.namespaceId === row.namespaceId) throw new StoreError('poison', `namespace id ${row.namespaceId} is in use`, '23505');
  }
  db.namespaces.set(row.name, { ...row });
  return row;
}

function updateNamespace(db: MemoryDatabase, row: NamespaceRow): boolean {
  checkNamespace(row);
  const stored = db.namespaces.get(row.name);
  if (stored?.namespaceId !== row.namespaceId || stored.version !== row.version) return false;
  db.namespaces.set(row.name, { ...row, version: row.version + 1 });
  return true;
}

function removeNamespace(db: MemoryDatabase, name: string, namespaceId: string): boolean {
  return db.namespaces.get(name)?.namespaceId === namespaceId && db.namespaces.delete(name);
}

/** Returns a store on `options.database`. After `close` every call fails with kind `down`. */
export function createMemoryStore(options: MemoryStoreOptions): Store {
  const db = options.database ?? createMemoryDatabase();
  const { faults } = options;
  // An object, so that a later change is seen by calls that wait in a fault.
  const state = { closed: false };

  async function run<T>(method: StoreCall['method'], args: readonly unknown[], apply: () => T): Promise<T> {
    if (state.closed) throw new StoreError('down', 'the store is closed');
    const before = faults?.before?.({ method, args });
    if (before !== undefined) await before;
    const answer = apply();
    const after = faults?.after?.({ method, args });
    if (after !== undefined) await after;
    return answer;
  }

  return {
    registerNode: (node) => run('registerNode', [node], () => ownership.registerNode(db, node)),
    beat: (me, draining) => run('beat', [me, draining], () => ownership.beat(db, me, draining, options.now())),
    removeNode: (me) => run('removeNode', [me], () => ownership.removeNode(db, me)),
    evictNode: (me, other, seenBeat) => run('evictNode', [me, other, seenBeat], () => ownership.evictNode(db, me, other, seenBeat)),
    claimSlots: (me, slots) => run('claimSlots', [me, slots], () => ownership.claimSlots(db, me, slots)),
    releaseSlots: (me, slots) => run('releaseSlots', [me, slots], () => ownership.releaseSlots(db, me, slots)),
    readSlots: () => run('readSlots', [], () => ownership.readSlots(db)),
    replaceNode: (old, next) => run('replaceNode', [old, next], () => ownership.replaceNode(db, old, next)),
    commit: (me, lane, records) => run('commit', [me, lane, records], () => commit(db, me, records)),
    loadRuns: (me, keys, whole = false) => run('loadRuns', [me, keys, whole], () => loadRuns(db, me, keys, whole)),
    findRun: (me, slot, namespaceId, workflowId) =>
      run('findRun', [me, slot, namespaceId, workflowId], () => findRun(db, me, slot, namespaceId, workflowId)),
    readHistory: (slot, runId, fromEventId, maxBytes) =>
      run('readHistory', [slot, runId, fromEventId, maxBytes], () => readHistory(db, slot, runId, fromEventId, maxBytes)),
    dueKeys: (me, cursors, until, limit) => run('dueKeys', [me, cursors, until, limit], () => dueKeys(db, me, cursors, until, limit)),
    purge: (me, items, maxRows) => run('purge', [me, items, maxRows], () => purge(db, me, items, maxRows)),
    listNamespaces: () => run('listNamespaces', [], () => [...db.namespaces.values()].map((row) => ({ ...row }))),
    getNamespace: (name) => run('getNamespace', [name], () => db.namespaces.get(name)),
    createNamespace: (row) => run('createNamespace', [row], () => createNamespace(db, row)),
    updateNamespace: (row) => run('updateNamespace', [row], () => updateNamespace(db, row)),
    removeNamespace: (name, namespaceId) => run('removeNamespace', [name, namespaceId], () => removeNamespace(db, name, namespaceId)),
    listVisibility: (query) => run('listVisibility', [query], () => listVisibility(db, query)),
    countVisibility: (namespaceId, filter) => run('countVisibility', [namespaceId, filter], () => countVisibility(db, namespaceId, filter)),
    groupVisibility: (namespaceId, filter, by, limit) =>
      run('groupVisibility', [namespaceId, filter, by, limit], () => groupVisibility(db, namespaceId, filter, by, limit)),
    getSecret: (name) => run('getSecret', [name], () => db.secrets.get(name)),
    close: () => {
      state.closed = true;
      return Promise.resolve();
    },
  };
}
