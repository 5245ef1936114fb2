/**
 * What the service needs from a database, in its own words. `postgres/` is production (PostgreSQL and CockroachDB),
 * `memory/` is the same contract for simulation and tests; `service/test/support/store/suite.ts` runs against both.
 */
import type { Comparison, ValueType } from '../core/visibility-fields.ts';

/** Names one run everywhere. `slot` is derived from namespace and workflow id. */
export interface RunKey {
  readonly slot: number;
  readonly namespaceId: string;
  readonly workflowId: string;
  readonly runId: string;
}

/** One appended row of a run's log. */
export interface HistoryRow {
  /** 1, 2, … without gaps within the run. */
  readonly seq: number;
  readonly firstEventId: number;
  /** 0 when the row holds marks only. */
  readonly eventCount: number;
  /** Encoded perdure.api.v1.History. */
  readonly events: Uint8Array;
  /** Encoded perdure.server.v1.Marks. */
  readonly marks: Uint8Array | undefined;
}

/** Number of `WorkflowStatus` in the public protocol. */
export type StatusNumber = number;

/** The changeable part of a row of `executions`. Written only when it changes. */
export interface ExecutionRow {
  readonly status: StatusNumber;
  /** 0: must be in memory now; else ms since 1970; null: only when addressed. */
  readonly wakeAt: number | null;
  readonly lastSeq: number;
  readonly nextEventId: number;
  readonly type: string;
  readonly taskQueue: string;
  readonly startedAt: number;
  readonly closedAt: number | null;
  /** Sent only when changed; undefined keeps what is stored. */
  readonly checkpoint?: Uint8Array | undefined;
  readonly checkpointSeq?: number | undefined;
}

/** One run as lists show it. */
export interface VisibilityRow {
  readonly type: string;
  readonly status: StatusNumber;
  readonly startedAt: number;
  readonly closedAt: number | null;
  readonly taskQueue: string;
  readonly buildId: string;
  readonly blockedCause: string;
  readonly historyLength: number;
  /** Search attributes, and built-in fields without a column, as a JSON object of plain values. Undefined keeps what is stored. */
  readonly attributes?: Record<string, unknown> | undefined;
  /** Encoded memo. Undefined keeps what is stored. */
  readonly memo?: Uint8Array | undefined;
}

/** Everything one batch changes in one run. In one batch a run appears once, and a workflow id is left open by one start. */
export interface CommitRecord {
  readonly key: RunKey;
  /** The run's last seq before this batch; 0 for a start. */
  readonly prevSeq: number;
  /** Empty for a change without a log row (cooling). */
  readonly rows: readonly HistoryRow[];
  /** Required for a start. */
  readonly execution?: ExecutionRow | undefined;
  readonly visibility?: VisibilityRow | undefined;
  /** True when this batch closes the run, so that a start of the same workflow id may take its place. Needs the closed execution. */
  readonly closes: boolean;
}

export interface CommitAnswer {
  /** False: this node's row is gone; nothing was written. */
  readonly alive: boolean;
  /** Starts that wrote nothing because the workflow id has another open run. */
  readonly taken: readonly { readonly runId: string; readonly openRunId: string }[];
  /** Run ids of which everything was written. A start neither taken nor written: the run exists already. */
  readonly written: ReadonlySet<string>;
}

/** How a failed statement is to be treated. */
export type FailureKind =
  /** Certainly not applied, a retry may succeed (serialization, deadlock, lock timeout, statement timeout answered by the server). */
  | 'abort'
  /** Certainly not applied, and never will be: one of the records is bad. */
  | 'poison'
  /** It may have been, or may still be, applied. */
  | 'ambiguous'
  /** Certainly not applied; the database cannot serve now (disk full, permission, no connection before sending). */
  | 'down';

/** The only error a store throws on purpose. */
export class StoreError extends Error {
  readonly kind: FailureKind;
  /** SQLSTATE or errno, for logs. */
  readonly sqlState: string;

  constructor(kind: FailureKind, message: string, sqlState = '', cause?: unknown) {
    super(message, { cause });
    this.name = 'StoreError';
    this.kind = kind;
    this.sqlState = sqlState;
  }
}

export interface NodeInfo {
  readonly nodeId: string;
  readonly address: string;
  readonly roles: string;
  readonly version: string;
}

export interface NodeBeat extends NodeInfo {
  readonly beat: number;
  readonly draining: boolean;
}

export interface BeatAnswer {
  /** False: this node's row is gone. */
  readonly alive: boolean;
  /** Every registered node, this one included. */
  readonly nodes: readonly NodeBeat[];
  /** The database's clock, ms since 1970. */
  readonly databaseTime: number;
}

/** A run as stored, read in the name of ownership. */
export interface LoadedRun {
  readonly key: RunKey;
  readonly execution: ExecutionRow;
  /** Rows after the checkpoint, or all of them. In order, without gaps. */
  readonly rows: readonly HistoryRow[];
}

/** Where a due scan stands in one slot: keys above (wakeAt, workflowId, runId) are still to be read. */
export interface DueCursor {
  readonly slot: number;
  readonly afterWakeAt: number;
  readonly afterNamespaceId: string;
  readonly afterWorkflowId: string;
  readonly afterRunId: string;
}

export interface DueKey {
  readonly key: RunKey;
  readonly wakeAt: number;
}

/** What is set in a namespace beside its retention. */
export interface NamespaceConfig {
  readonly description: string;
  readonly owner: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Client calls per second and node; 0 is unlimited. */
  readonly requestsPerSecond: number;
  /** Bytes of all payloads of one event; 0 is the service's limit. */
  readonly eventPayloadBytes: number;
  /** The declared search attributes. */
  readonly searchAttributes: Readonly<Record<string, ValueType>>;
  /** When its deletion was asked for, ms since 1970; null while it is in use. */
  readonly deletingSince: number | null;
}

/** Always there; cannot be deleted. */
export const DEFAULT_NAMESPACE_NAME = 'default';

/** Of a namespace in which nothing is set. */
export const EMPTY_CONFIG: NamespaceConfig = {
  description: '',
  owner: '',
  labels: {},
  requestsPerSecond: 0,
  eventPayloadBytes: 0,
  searchAttributes: {},
  deletingSince: null,
};

export interface NamespaceRow {
  readonly namespaceId: string;
  readonly name: string;
  /** Ms that closed runs are kept. */
  readonly retentionMs: number;
  /** Counts changes. */
  readonly version: number;
  readonly config: NamespaceConfig;
}

/**
 * A typed filter: values are parameters, never SQL text. As in SQL, a comparison with a value that a run does not have never
 * holds, `!=` included; a search attribute of another type than `type` counts as one that the run does not have, but for isNull.
 */
export type VisibilityFilter =
  | { readonly kind: 'and' | 'or'; readonly terms: readonly VisibilityFilter[] }
  | {
      readonly kind: 'compare';
      /** Name of a built-in field (core/visibility-fields.ts), else of a search attribute. */
      readonly field: string;
      readonly type: ValueType;
      /** keyword: = != startsWith notStartsWith; keywordList and bool: = !=; others: = != < <= > >=; all: isNull isNotNull. */
      readonly op: Comparison;
      /** Text for keyword and keywordList (one of the list), ms since 1970 for datetime; not looked at by isNull and isNotNull. */
      readonly value: string | number | boolean;
    };

export type VisibilityOrder = 'newestFirst' | 'oldestFirst';

export interface VisibilityQuery {
  readonly namespaceId: string;
  readonly filter: VisibilityFilter | undefined;
  readonly limit: number;
  /** By start, then run id. Default newestFirst. */
  readonly order?: VisibilityOrder | undefined;
  /** The last row of the page before. */
  readonly after: { readonly startedAt: number; readonly runId: string } | undefined;
}

/** Runs that share a value; null: those that have none. */
export interface VisibilityGroup {
  readonly value: string | number | boolean | null;
  readonly count: number;
}

export interface VisibilityEntry extends VisibilityRow {
  readonly workflowId: string;
  readonly runId: string;
}

/** What may be purged of one run. */
export interface PurgeItem {
  readonly key: RunKey;
  /** Set: delete only rows without events up to this seq. Unset: the whole run, executions row last. */
  readonly marksUpToSeq?: number | undefined;
}

export interface PurgeAnswer {
  readonly alive: boolean;
  /** Run ids of which nothing is left to purge. */
  readonly done: readonly string[];
}

/** All methods throw StoreError only. `me` is the calling node's id; ownership statements are fenced by its row. */
export interface Store {
  /** Inserts the node's rows (nodes and heartbeats) in one statement. Idempotent. */
  registerNode(node: NodeInfo): Promise<void>;
  /** Raises the own beat if the own row exists, and reads every node's. One statement. */
  beat(me: string, draining: boolean): Promise<BeatAnswer>;
  /** Deletes the own rows; slots owned become free. At the end of a clean shutdown. */
  removeNode(me: string): Promise<void>;
  /** Deletes another node if its beat is still `seenBeat` and the own row exists. True when it was deleted. */
  evictNode(me: string, other: string, seenBeat: number): Promise<boolean>;
  /** Takes every slot of the list that is free (no owner, or an owner without a row in nodes). Returns what was taken. */
  claimSlots(me: string, slots: readonly number[]): Promise<number[]>;
  /** Gives slots back. */
  releaseSlots(me: string, slots: readonly number[]): Promise<void>;
  /** Owner by slot number, null where free. */
  readSlots(): Promise<(string | null)[]>;
  /** Registers `next`, then in one statement deletes `old` and re-owns its slots. Empty when `old` was already gone. */
  replaceNode(old: string, next: NodeInfo): Promise<number[]>;

  /** Writes a batch in one statement on the given lane's own connection. At most one call per lane at a time. */
  commit(me: string, lane: number, records: readonly CommitRecord[]): Promise<CommitAnswer>;

  /**
   * Loads runs of owned slots; a run whose slot is not owned, or that does not exist, is absent. `whole`: all rows and no
   * checkpoint, for a reader that cannot use the one that is stored.
   */
  loadRuns(me: string, keys: readonly RunKey[], whole?: boolean): Promise<LoadedRun[]>;
  /** The open run of a workflow id, else the newest closed one (by start time, then run id). Only in owned slots. */
  findRun(
    me: string,
    slot: number,
    namespaceId: string,
    workflowId: string,
  ): Promise<{ runId: string; status: StatusNumber; closedAt: number | null } | undefined>;
  /** Log rows that hold events from `fromEventId` on, in order, until `maxBytes` are exceeded (at least one row). Rows without events are left out. */
  readHistory(slot: number, runId: string, fromEventId: number, maxBytes: number): Promise<HistoryRow[]>;
  /** Keys with wakeAt above the cursor and <= `until`, per cursor at most `limit`, ordered by (slot, wakeAt, namespaceId, workflowId, runId). */
  dueKeys(me: string, cursors: readonly DueCursor[], until: number, limit: number): Promise<DueKey[]>;
  /** Deletes closed runs, or mark-only rows; at most `maxRows` log rows in one call. */
  purge(me: string, items: readonly PurgeItem[], maxRows: number): Promise<PurgeAnswer>;

  getNamespace(name: string): Promise<NamespaceRow | undefined>;
  listNamespaces(): Promise<NamespaceRow[]>;
  /** Inserts unless the name exists; returns what is stored. */
  createNamespace(row: NamespaceRow): Promise<NamespaceRow>;
  /** Writes retention and config and raises the version; false when the row is gone or its version is not `row.version`. */
  updateNamespace(row: NamespaceRow): Promise<boolean>;
  /** Deletes the row of a namespace. False when there is none of this name and id. */
  removeNamespace(name: string, namespaceId: string): Promise<boolean>;
  /** In the order asked for. */
  listVisibility(query: VisibilityQuery): Promise<VisibilityEntry[]>;
  countVisibility(namespaceId: string, filter: VisibilityFilter | undefined): Promise<number>;
  /** Counts by the values of a field (keyword, int or bool), the largest groups first, at most `limit`. */
  groupVisibility(
    namespaceId: string,
    filter: VisibilityFilter | undefined,
    by: { readonly field: string; readonly type: ValueType },
    limit: number,
  ): Promise<VisibilityGroup[]>;
  /** Values shared by all nodes, made once by migrate: the MAC key. */
  getSecret(name: string): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}
