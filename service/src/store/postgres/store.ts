/** The production store on PostgreSQL >= 15 or CockroachDB >= 24. */
import { type Store, StoreError } from '../store.ts';
import type { Isolation } from './connect.ts';
import { createLane, type Lane } from './lane.ts';
import * as namespaces from './namespaces.ts';
import * as nodes from './nodes.ts';
import { purge } from './purge.ts';
import * as runs from './runs.ts';
import { createSessions } from './sessions.ts';
import * as slots from './slots.ts';
import * as visibility from './visibility.ts';

export interface PostgresStoreOptions {
  /** postgres://user:password@host:port/database */
  readonly url: string;
  /** Commit lanes, each with a connection of its own. Default 2. */
  readonly lanes?: number | undefined;
  /** Default: the database's default (READ COMMITTED on PostgreSQL, SERIALIZABLE on CockroachDB). */
  readonly isolation?: Isolation | undefined;
  /** Told of retries and lost connections, for logs. */
  readonly onNotice?: ((message: string) => void) | undefined;
}

const DEFAULT_LANES = 2;
const READ_CONNECTIONS = 8;
/** Two, so that a beat does not wait for a claim of all slots. */
const OWNERSHIP_CONNECTIONS = 2;

/** A takeover waits for the locks of the node that it evicts in short turns, so that each wait is told in the log. */
const OWNERSHIP_SETTINGS: Readonly<Record<string, string>> = { lock_timeout: '2000' };

/** Connects when first used, so it never fails by itself; `checkSchema` tells early whether the database can be used. */
export function createPostgresStore(options: PostgresStoreOptions): Store {
  const { url, isolation } = options;
  const onNotice = options.onNotice ?? (() => {});
  const reads = createSessions({ url, isolation, onNotice, name: 'perdure-read', size: READ_CONNECTIONS });
  const own = createSessions({
    url,
    isolation,
    onNotice,
    name: 'perdure-ownership',
    size: OWNERSHIP_CONNECTIONS,
    settings: OWNERSHIP_SETTINGS,
  });
  const lanes: Lane[] = Array.from({ length: options.lanes ?? DEFAULT_LANES }, (_, number) =>
    createLane({ url, isolation, onNotice, number }),
  );

  return {
    registerNode: (node) => nodes.registerNode(own, node),
    beat: (me, draining) => nodes.beat(own, me, draining),
    removeNode: (me) => nodes.removeNode(own, me),
    evictNode: (me, other, seenBeat) => nodes.evictNode(own, me, other, seenBeat),
    claimSlots: (me, wanted) => slots.claimSlots(own, me, wanted),
    releaseSlots: (me, given) => slots.releaseSlots(own, me, given),
    readSlots: () => slots.readSlots(own),
    replaceNode: (old, next) => nodes.replaceNode(own, old, next),
    commit: (me, number, records) => {
      const lane = lanes[number];
      return lane === undefined ? Promise.reject(new StoreError('poison', `there is no lane ${number}`)) : lane.commit(me, records);
    },
    loadRuns: (me, keys, whole = false) => runs.loadRuns(reads, me, keys, whole),
    findRun: (me, slot, namespaceId, workflowId) => runs.findRun(reads, me, slot, namespaceId, workflowId),
    readHistory: (slot, runId, fromEventId, maxBytes) => runs.readHistory(reads, slot, runId, fromEventId, maxBytes),
    dueKeys: (me, cursors, until, limit) => runs.dueKeys(reads, me, cursors, until, limit),
    purge: (me, items, maxRows) => purge(reads, me, items, maxRows),
    listNamespaces: () => namespaces.listNamespaces(reads),
    getNamespace: (name) => namespaces.getNamespace(reads, name),
    createNamespace: (row) => namespaces.createNamespace(reads, row),
    updateNamespace: (row) => namespaces.updateNamespace(reads, row),
    removeNamespace: (name, namespaceId) => namespaces.removeNamespace(reads, name, namespaceId),
    listVisibility: (query) => visibility.listVisibility(reads, query),
    countVisibility: (namespaceId, filter) => visibility.countVisibility(reads, namespaceId, filter),
    groupVisibility: (namespaceId, filter, by, limit) => visibility.groupVisibility(reads, namespaceId, filter, by, limit),
    getSecret: (name) => namespaces.getSecret(reads, name),
    close: async () => {
      await Promise.all([...lanes.map((lane) => lane.close()), reads.close(), own.close()]);
    },
  };
}
