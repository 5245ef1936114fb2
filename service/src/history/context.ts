/** What the parts of the history role share: one plain object per node. */
import type { StepEnv } from '../core/transition.ts';
import type { Env, Timer } from '../env.ts';
import type { HistoryRole, MatchingRole, TaskRef } from '../roles.ts';
import type { DueCursor, NodeInfo, PurgeItem, RunKey, Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { DueHeap } from './due-heap.ts';
import type { HotRun, Unit } from './run.ts';
import type { Waits } from './waits.ts';

/** Sizes and times that tests and simulation may shrink. */
export interface HistoryOptions {
  /** Quiet time after which a run is cooled. Default 5 000 ms. */
  readonly coolAfterMs?: number;
  /** How often due keys are read. Default 30 000 ms. */
  readonly scanEveryMs?: number;
  /** How far ahead. Default 60 000 ms. */
  readonly scanAheadMs?: number;
  /** Runs in memory; quiet ones over it leave, also when a worker is still to take their tasks. Default 50 000. */
  readonly maxHotRuns?: number;
  /** The same by estimated bytes. Default MAX_HOT_BYTES. */
  readonly maxHotBytes?: number;
  /** Answers are released only this long after the last good beat was sent: later another node may own the runs. Default 6 000 ms. */
  readonly serveForMs?: number;
  /** Units waiting for a commit. Default 20 000. */
  readonly queueLimit?: number;
  /** Called when the node was fenced three times within a minute: the process should end. */
  readonly onFatal?: (reason: string) => void;
}

export interface LaneState {
  readonly index: number;
  /** Units by namespace, each in order; namespaces take turns. */
  readonly queues: Map<string, Unit[]>;
  queued: number;
  queuedBytes: number;
  /** The batch at the database, undefined when none is. */
  inFlight: readonly Unit[] | undefined;
  scheduled: boolean;
}

export interface NodeState {
  info: NodeInfo;
  phase: 'starting' | 'serving' | 'recovering' | 'stopping' | 'stopped';
  /** What keeps a recovering node from its database; '' before its first try. */
  trouble: string;
  /** When the last successful beat was sent. */
  beatSent: { monotonic: number; wall: number };
  fences: number[];
  /** Claim number by slot, 0 where not owned. A continuation that finds another number is discarded. */
  readonly claims: Uint32Array;
  claimCount: number;
  claimedAt: number;
  /** Ids this process has used: rows of its own earlier incarnations may be left. */
  readonly ownIds: Set<string>;
  /** The start over in progress. */
  recovery: Promise<void> | undefined;
  scanning: boolean;
  scanAgain: boolean;
  /** Other nodes as seen by the own successful reads. */
  readonly observed: Map<string, { beat: number; reads: number; since: number; last: number }>;
}

/** What this node has done for a namespace that is being deleted. */
export interface Deletion {
  readonly name: string;
  /** When it was asked for, ms since 1970. */
  readonly since: number;
  /** Where the present pass over its runs stands. */
  after: { readonly startedAt: number; readonly runId: string } | undefined;
  /** Passes in a row that found no run. */
  emptyPasses: number;
}

export interface History {
  readonly env: Env;
  readonly stepEnv: StepEnv & { now: number };
  readonly store: Store;
  readonly matching: () => MatchingRole;
  /** The history role as others see it: effects may concern runs of other slots. */
  readonly role: () => HistoryRole;
  readonly log: Log;
  readonly tokenKey: Uint8Array;
  readonly options: Required<Omit<HistoryOptions, 'onFatal'>> & Pick<HistoryOptions, 'onFatal'>;
  readonly node: NodeState;
  readonly lanes: readonly LaneState[];
  readonly hot: Map<string, HotRun>;
  /** Open hot runs by namespace id and workflow id. */
  readonly open: Map<string, HotRun>;
  /** Runs in order of last use. */
  readonly byUse: Map<string, HotRun>;
  /** Estimated bytes of the runs in memory. */
  hotBytes: number;
  readonly loading: Map<string, Promise<HotRun | undefined>>;
  /** Keys waiting for the next batch of loads. */
  readonly toLoad: { key: RunKey; resolve(run: HotRun | undefined): void; reject(error: Error): void }[];
  /** Runs whose log cannot be folded: refused until the time given. */
  readonly quarantine: Map<string, number>;
  readonly due: DueHeap;
  dueTimer: Timer | undefined;
  dueTimerAt: number;
  readonly cursors: Map<number, DueCursor & { horizon: number }>;
  readonly lazy: { run: HotRun; at: number }[];
  readonly backlog: Map<string, TaskRef[]>;
  readonly offers: TaskRef[];
  offersScheduled: boolean;
  /** The newest worker by namespace id and queue, oldest first, and the queues whose runs are to be looked at for one. */
  readonly newcomers: Map<string, { readonly workerId: string; readonly at: number }>;
  readonly newcomerQueues: Set<string>;
  readonly waits: Waits;
  /** Retention by namespace id, ms. */
  readonly retention: Map<string, number>;
  /** Namespaces that are being deleted, by id. */
  readonly deleting: Map<string, Deletion>;
  /** What retention and checkpoints have made superfluous. */
  readonly purging: { readonly items: PurgeItem[]; scheduled: boolean };
  /** Timers of the node's own loops, cancelled at stop. */
  readonly loops: Map<string, Timer>;
  readonly up: Upcalls;
}

/**
 * Calls from lower parts to upper ones, wired in service.ts: imports go one way only. What concerns the node names the
 * incarnation it concerns: news of an earlier one say nothing about the present one.
 */
export interface Upcalls {
  /** Another node took over, or memory disagrees with the log: start again with empty memory. */
  fenced(nodeId: string, reason: string): void;
  /** A statement may or may not have been applied: fence ourselves, keep what nobody else took. */
  selfFence(nodeId: string): void;
  /** The database cannot serve: drop memory, pause, go on when it can. */
  databaseDown(nodeId: string, reason: string): void;
  /** A run was dropped from memory: read it again if it has anything to do. */
  revive(key: RunKey): void;
  /** Effects of the run have been committed. */
  deliverEffects(run: HotRun): void;
  /** A checkpoint made rows without events superfluous. */
  purgeMarks(run: HotRun): void;
  /** The heap's head has come due. */
  due(): void;
}

export function openKey(namespaceId: string, workflowId: string): string {
  return `${namespaceId}/${workflowId}`;
}

/** The step environment at this moment. */
export function stepEnv(h: History): StepEnv {
  h.stepEnv.now = h.env.now();
  return h.stepEnv;
}

/** Runs `body` every `ms` until the node stops; a body that takes longer delays the next. */
export function every(h: History, name: string, ms: number, body: () => Promise<void> | void): void {
  const next = (): void => {
    if (h.node.phase === 'stopped') return;
    h.loops.set(
      name,
      h.env.setTimer(ms, () => {
        void Promise.resolve()
          .then(body)
          .catch((error: unknown) => h.log('error', `${name} failed`, { error: String(error) }))
          .then(next);
      }),
    );
  };
  next();
}
