/** The history role: owns runs, steps them one input at a time, and commits what they change in groups. */

import { MAX_HOT_BYTES } from '../core/limits.ts';
import { SLOTS } from '../core/slot.ts';
import type { Env } from '../env.ts';
import type { HistoryRole, MatchingRole } from '../roles.ts';
import type { NodeInfo, Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { flushLazy } from './act.ts';
import { completeActivities, heartbeatActivities, returnTasks } from './activities.ts';
import { completeQueries, completeWorkflowTasks, failWorkflowTasks } from './completions.ts';
import { every, type History, type HistoryOptions } from './context.ts';
import { coolQuiet, writeAllDetails } from './cooling.ts';
import { createDueHeap } from './due-heap.ts';
import { deliverEffects } from './effects.ts';
import { resetWorkflow } from './fork.ts';
import { createLanes, drained } from './lane.ts';
import { revive } from './loading.ts';
import { dropAll } from './memory.ts';
import { newWorker } from './newcomers.ts';
import { boot, databaseDown, fenced, selfFence, serve } from './node.ts';
import { wantTasks } from './offers.ts';
import { type Progress, progressOf } from './progress.ts';
import { purgeMarks } from './purge.ts';
import { awaitResults, describeActivity, describeWorkflow, getHistory } from './reads.ts';
import { deleteWorkflow } from './remove.ts';
import {
  changeActivity,
  childClosed,
  pauseWorkflow,
  queryWorkflow,
  requestCancelWorkflow,
  resumeWorkflow,
  signalWorkflow,
  terminateWorkflow,
} from './requests.ts';
import { startWorkflow } from './start.ts';
import { claimTasks, undoClaims } from './tasks.ts';
import { fireDue } from './timers.ts';
import { awaitUpdate, updateWorkflow } from './updates.ts';
import { createWaits } from './waits.ts';
import { signalWithStartWorkflow, updateWithStartWorkflow } from './with-start.ts';

export type { HistoryOptions } from './context.ts';

const COOL_EVERY_MS = 1_000;

export interface HistoryParts {
  readonly env: Env;
  readonly store: Store;
  readonly node: NodeInfo;
  readonly matching: () => MatchingRole;
  /** Where effects go; this service itself unless told. */
  readonly role?: () => HistoryRole;
  readonly log: Log;
  readonly tokenKey: Uint8Array;
  readonly options?: HistoryOptions;
}

export type HistoryService = HistoryRole & {
  /** Registers the node and takes its runs. Rejects with StoreError when the database cannot be reached. */
  start(): Promise<void>;
  /** Writes what is owed, gives the slots back and ends. */
  stop(): Promise<void>;
  health(): 'serving' | 'not-serving';
  /** Figures for tests, metrics and describe. */
  stats(): { hot: number; queued: number; due: number; waits: number };
  /** What the runs in memory are at: for those who own the clock. */
  progress(): Progress;
};

function createState(parts: HistoryParts, self: () => HistoryRole): History {
  const { env, store, node, matching, log, tokenKey, options } = parts;
  const h: History = {
    env,
    stepEnv: { now: 0, newId: () => env.newId() },
    store,
    matching,
    role: parts.role ?? self,
    log,
    tokenKey,
    options: {
      coolAfterMs: 5_000,
      scanEveryMs: 30_000,
      scanAheadMs: 60_000,
      maxHotRuns: 50_000,
      maxHotBytes: MAX_HOT_BYTES,
      serveForMs: 6_000,
      queueLimit: 20_000,
      ...options,
    },
    node: {
      info: node,
      phase: 'starting',
      trouble: '',
      beatSent: { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY },
      fences: [],
      claims: new Uint32Array(SLOTS),
      claimCount: 0,
      claimedAt: 0,
      ownIds: new Set([node.nodeId]),
      recovery: undefined,
      scanning: false,
      scanAgain: false,
      observed: new Map(),
    },
    lanes: createLanes(),
    hot: new Map(),
    open: new Map(),
    byUse: new Map(),
    hotBytes: 0,
    loading: new Map(),
    toLoad: [],
    quarantine: new Map(),
    due: createDueHeap(),
    dueTimer: undefined,
    dueTimerAt: 0,
    cursors: new Map(),
    lazy: [],
    backlog: new Map(),
    offers: [],
    offersScheduled: false,
    newcomers: new Map(),
    newcomerQueues: new Set(),
    waits: createWaits(),
    retention: new Map(),
    deleting: new Map(),
    purging: { items: [], scheduled: false },
    loops: new Map(),
    up: {
      fenced: (nodeId, reason) => fenced(h, nodeId, reason),
      selfFence: (nodeId) => selfFence(h, nodeId),
      databaseDown: (nodeId, reason) => databaseDown(h, nodeId, reason),
      revive: (key) => revive(h, key),
      deliverEffects: (run) => deliverEffects(h, run),
      purgeMarks: (run) => purgeMarks(h, run),
      due: () => fireDue(h),
    },
  };
  return h;
}

export function createHistory(parts: HistoryParts): HistoryService {
  const h = createState(parts, () => service);
  const service: HistoryService = {
    startWorkflow: (input) => startWorkflow(h, input),
    signalWorkflow: (ref, input) => signalWorkflow(h, ref, input),
    signalWithStartWorkflow: (input) => signalWithStartWorkflow(h, input),
    updateWorkflow: (ref, input, wait) => updateWorkflow(h, ref, input, wait),
    updateWithStartWorkflow: (input, wait) => updateWithStartWorkflow(h, input, wait),
    awaitUpdate: (ref, updateId, wait) => awaitUpdate(h, ref, updateId, wait),
    queryWorkflow: (ref, input, waitMs) => queryWorkflow(h, ref, input, waitMs),
    requestCancelWorkflow: (ref, input) => requestCancelWorkflow(h, ref, input),
    terminateWorkflow: (ref, input) => terminateWorkflow(h, ref, input),
    deleteWorkflow: (ref, input) => deleteWorkflow(h, ref, input),
    pauseWorkflow: (ref, input) => pauseWorkflow(h, ref, input),
    resumeWorkflow: (ref, input) => resumeWorkflow(h, ref, input),
    childClosed: (parent, notice) => childClosed(h, parent, notice),
    resetWorkflow: (ref, input) => resetWorkflow(h, ref, input),
    describeWorkflow: (ref) => describeWorkflow(h, ref),
    describeActivity: (ref) => describeActivity(h, ref),
    changeActivity: (ref, change) => changeActivity(h, ref, change),
    getHistory: (ref, range, abort) => getHistory(h, ref, range, abort),
    awaitResults: (refs, options, abort) => awaitResults(h, refs, options, abort),
    claimTasks: (claims) => claimTasks(h, claims),
    undoClaims: (claims) => undoClaims(h, claims),
    wantTasks: (kind, namespaceId, queue, count) => wantTasks(h, kind, namespaceId, queue, count),
    newWorker: (namespaceId, queue, workerId) => newWorker(h, namespaceId, queue, workerId),
    completeWorkflowTasks: (namespace, items, worker, eager) => completeWorkflowTasks(h, namespace, items, worker, eager),
    failWorkflowTasks: (items) => failWorkflowTasks(h, items),
    completeQueries: (items) => completeQueries(h, items),
    completeActivities: (namespace, items, worker, eager) => completeActivities(h, namespace, items, worker, eager),
    heartbeatActivities: (items, worker) => heartbeatActivities(h, items, worker),
    returnTasks: (items) => returnTasks(h, items),
    start: async () => {
      await boot(h, true);
      serve(h);
      every(h, 'cool', Math.min(COOL_EVERY_MS, h.options.coolAfterMs), () => coolQuiet(h));
    },
    stop: () => stop(h),
    health: () => (h.node.phase === 'serving' ? 'serving' : 'not-serving'),
    stats: () => ({
      hot: h.hot.size,
      queued: h.lanes.reduce((sum, lane) => sum + lane.queued, 0),
      due: h.due.size(),
      waits: h.waits.size(),
    }),
    progress: () => progressOf(h),
  };
  return service;
}

async function stop(h: History): Promise<void> {
  const served = h.node.phase === 'serving';
  h.node.phase = 'stopping';
  h.waits.wakeAll();
  await h.node.recovery;
  if (served) {
    writeAllDetails(h);
    flushLazy(h, true);
    await drained(h);
    await h.store
      .removeNode(h.node.info.nodeId)
      .catch((error: unknown) => h.log('warn', 'the node could not be removed', { error: String(error) }));
  }
  h.node.phase = 'stopped';
  for (const timer of h.loops.values()) timer.cancel();
  h.dueTimer?.cancel();
  dropAll(h);
}
