/** A hot run: its state, the bytes its next task needs, and what of it is on the way to the database. */
import type { Mark } from '@perdure/proto/perdure/server/v1/mark';
import type { Effect } from '../core/effects.ts';
import type { RunState } from '../core/state.ts';
import type { Recorded } from '../core/transition.ts';
import type { ExecutionRow, RunKey, VisibilityRow } from '../store/store.ts';
import type { WaitingQuery } from './queries.ts';
import type { UpdateWaiter } from './update-waits.ts';

/** What one transition changes in one run. */
export interface Change {
  readonly run: HotRun;
  readonly events: readonly Recorded[];
  readonly marks: readonly Mark[];
  readonly start: boolean;
  readonly closes: boolean;
  /** Last seq is filled in when the batch is made. */
  readonly execution: Omit<ExecutionRow, 'lastSeq'> | undefined;
  readonly visibility: VisibilityRow | undefined;
  readonly bytes: number;
  /** Called when the change is committed. */
  readonly committed: () => void;
}

/** All changes of one transition: written by one statement or not at all. */
export interface Unit {
  readonly changes: readonly Change[];
  readonly namespaceId: string;
  readonly bytes: number;
  /** Starts are refused first when the queue is full; what the service owes to itself is never refused. */
  readonly kind: 'start' | 'request' | 'owed';
  state: 'queued' | 'committed' | 'failed';
  /** Callers whose answers depend on it. */
  waiting: { resolve(): void; reject(error: Error): void }[];
}

/** A unit of one change that the service owes to itself. */
export function owedUnit(change: Change): Unit {
  const { run, bytes } = change;
  return { changes: [change], namespaceId: run.key.namespaceId, bytes, kind: 'owed', state: 'queued', waiting: [] };
}

export interface HotRun {
  readonly key: RunKey;
  readonly state: RunState;
  /** Last seq given to a row; the rows up to it are committed or in flight. */
  lastSeq: number;
  /** Last event in the database. */
  committedEventId: number;
  /** wake_at as in the database, or as queued last. */
  storedWakeAt: number | null;
  /** Frames of the events after what the last completed task had seen. */
  tail: Recorded[];
  /** Whoever reads the log gets what is recorded meanwhile. */
  readers: Set<Recorded[]> | undefined;
  /** The newest unit not committed yet. */
  lastUnit: Unit | undefined;
  /** Start marks that may wait a little for a commit of the run. */
  lazyMarks: Mark[];
  lane: number;
  rowsSinceCheckpoint: number;
  bytesSinceCheckpoint: number;
  /** Rows without events since the last checkpoint: it makes them superfluous. */
  markRows: number;
  /** Set with a checkpoint: rows without events up to this seq may go once it is committed. */
  purgeMarksTo: number;
  lastUsedAt: number;
  /** When it took its place in the order of use. */
  movedAt: number;
  /** No longer the run's memory: whoever still holds it must resolve the run again. */
  dropped: boolean;
  /** A step failed half-way: what is queued is still written, then the run is read again. */
  broken: boolean;
  /** Estimate of its memory. */
  bytes: number;
  queries: WaitingQuery[];
  /** Who waits for updates, by update id; absent when nobody does. */
  updateWaits: Map<string, Set<UpdateWaiter>> | undefined;
  /** Worker that came since the task failed, or '': the next attempt is offered to it first. */
  hurriedFor: string;
  /** Inputs that wait while a refused close is decided again. */
  held: (() => void)[];
  /** Effects on their way, and the lines they stand in by their target. */
  delivering: Set<Effect> | undefined;
  deliveries: Map<string, Effect[]> | undefined;
  /** Values last written to visibility, to see what changes. */
  shown: { blockedCause: string; paused: boolean; memo: unknown; attributes: boolean };
}

/** The memory was dropped under the caller: the request has to find the run again. */
export class Dropped extends Error {
  constructor() {
    super('the run was dropped from memory');
    this.name = 'Dropped';
  }
}

/** A start wrote nothing: the workflow id has another open run, or this run exists already (no open run id). */
export class Refused extends Dropped {
  readonly openRunId: string | undefined;

  constructor(openRunId: string | undefined) {
    super();
    this.openRunId = openRunId;
  }
}

export function newHotRun(key: RunKey, state: RunState, now: number): HotRun {
  return {
    key,
    state,
    lastSeq: 0,
    committedEventId: 0,
    storedWakeAt: null,
    tail: [],
    readers: undefined,
    lastUnit: undefined,
    lazyMarks: [],
    lane: 0,
    rowsSinceCheckpoint: 0,
    bytesSinceCheckpoint: 0,
    markRows: 0,
    purgeMarksTo: 0,
    lastUsedAt: now,
    movedAt: 0,
    dropped: false,
    broken: false,
    bytes: 0,
    queries: [],
    updateWaits: undefined,
    hurriedFor: '',
    held: [],
    shown: { blockedCause: '', paused: false, memo: undefined, attributes: false },
    delivering: undefined,
    deliveries: undefined,
  };
}

/** Keeps what the next task of a worker that has the run in its cache needs. */
export function trimTail(tail: Recorded[], seen: number): Recorded[] {
  const first = tail[0];
  if (first === undefined || first.id > seen) return tail;
  return tail.filter((event) => event.id > seen);
}

/** True when nothing of the run is on its way to the database. */
export function isSettled(run: HotRun): boolean {
  return run.lastUnit === undefined && run.lazyMarks.length === 0;
}
