/** Claims: matching asks whether a reference still stands, and gets the task's content. */

import type { ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import { Payload, type WorkerInfo } from '@perdure/proto/perdure/api/v1/common';
import type { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import { type FollowUpFacts, followUpFacts } from '../core/follow-up.ts';
import { joinFrames, splitFrames } from '../core/frames.ts';
import { MAX_POLL_ANSWER_BYTES } from '../core/limits.ts';
import { isLastAttempt } from '../core/retry.ts';
import type { Activity, Flight } from '../core/state.ts';
import { toDuration, toTimestamp } from '../core/time.ts';
import type { ClaimAnswer, TaskClaim } from '../roles.ts';
import { signActivityToken, signWorkflowToken } from '../tokens.ts';
import { act, settled } from './act.ts';
import type { History } from './context.ts';
import { loadRun } from './loading.ts';
import { keyOf } from './memory.ts';
import { attachQueries, detachQueries, takeReadyQueries, type WaitingQuery } from './queries.ts';
import type { HotRun } from './run.ts';

const GONE: ClaimAnswer = { kind: 'gone' };
const LATER: ClaimAnswer = { kind: 'later' };
const UNDO_AGAIN_MS = 500;
/** With growing pauses, these last some ten minutes: longer than most outages of a database. */
const MOST_UNDO_TRIES = 120;

/** One answer per claim, in order; never rejects. */
export function claimTasks(h: History, claims: readonly TaskClaim[]): Promise<ClaimAnswer[]> {
  return Promise.all(claims.map((claim) => claimOne(h, claim)));
}

async function claimOne(h: History, claim: TaskClaim): Promise<ClaimAnswer> {
  const { ref } = claim;
  const key = keyOf(ref.namespaceId, ref.workflowId, ref.runId);
  try {
    const run = h.hot.get(ref.runId) ?? (await loadRun(h, key));
    if (run === undefined) return GONE;
    return ref.kind === 'workflow' ? await claimWorkflow(h, run, claim) : await claimActivity(h, run, claim);
  } catch (error) {
    h.log('debug', 'a task could not be claimed now', { runId: ref.runId, error: String(error) });
    h.up.revive(key);
    return LATER;
  }
}

async function claimWorkflow(h: History, run: HotRun, claim: TaskClaim): Promise<ClaimAnswer> {
  const flight = act(h, run, 'claimTask', { claimId: claim.claimId, worker: claim.worker, committedEventId: run.committedEventId });
  if (flight !== undefined) {
    try {
      const queries = attachQueries(run, flight.nonce, flight.seen);
      return { kind: 'workflow', task: await buildTask(h, run, flight, claim.worker, queries) };
    } catch (error) {
      undoUnsent(h, claim);
      throw error;
    }
  }
  const nonce = h.env.newId();
  const queries = takeReadyQueries(h, run, nonce);
  if (queries.length === 0) return GONE;
  // Read before the queries can be lost: a failure here offers them again.
  try {
    return { kind: 'workflow', task: await buildQueryTask(h, run, nonce, queries, claim.worker) };
  } catch (error) {
    detachQueries(h, run, nonce);
    throw error;
  }
}

/** The worker holds the run as of its last completed task, by its own word. */
function isCached(run: HotRun, worker: WorkerInfo): boolean {
  const { task } = run.state;
  return task.base > 0 && task.attempt === 1 && task.stickyWorkerId === worker.workerId;
}

/** True when the task can be built without a read. */
export function hasTail(run: HotRun, worker: WorkerInfo): boolean {
  return isCached(run, worker) && (run.tail[0]?.id ?? 0) <= run.state.task.seen + 1 && run.tail.length > 0;
}

/** The content of a workflow task in flight. */
export async function buildTask(
  h: History,
  run: HotRun,
  flight: Flight,
  worker: WorkerInfo,
  queries: readonly WaitingQuery[],
): Promise<WorkflowTask> {
  const from = isCached(run, worker) ? run.state.task.seen + 1 : 1;
  return {
    ...head(h, run, flight, queries),
    updates: [...flight.updates],
    queryOnly: false,
    ...(await framesOf(h, run, from, flight.seen)),
  };
}

function buildQueryTask(
  h: History,
  run: HotRun,
  nonce: string,
  queries: readonly WaitingQuery[],
  worker: WorkerInfo,
): Promise<WorkflowTask> {
  const { task } = run.state;
  const as: Pick<Flight, 'nonce' | 'base' | 'seen' | 'startedAt' | 'historyBytes' | 'suggested'> = {
    nonce,
    base: task.base,
    seen: task.seen,
    startedAt: h.env.now(),
    historyBytes: run.state.historyBytes,
    suggested: false,
  };
  // The block of the last task is part of what is replayed, so the history reaches to the last committed event.
  const from = isCached(run, worker) ? task.seen + 1 : 1;
  return framesOf(h, run, from, run.committedEventId).then((frames) => ({
    ...head(h, run, as, queries),
    updates: [],
    queryOnly: true,
    ...frames,
  }));
}

type Head = Omit<WorkflowTask, 'history' | 'historyFromEventId' | 'historyNextEventId' | 'queryOnly' | 'updates'>;

function head(
  h: History,
  run: HotRun,
  flight: Pick<Flight, 'nonce' | 'base' | 'seen' | 'startedAt' | 'historyBytes' | 'suggested'>,
  queries: readonly WaitingQuery[],
): Head {
  const { key, state } = run;
  const { namespaceId, workflowId, runId } = key;
  const token = signWorkflowToken(h.tokenKey, {
    namespaceId,
    workflowId,
    runId,
    nonce: flight.nonce,
    baseEventId: BigInt(flight.base),
    seenEventId: BigInt(flight.seen),
    startedTimeMs: BigInt(flight.startedAt),
    historyBytes: BigInt(flight.historyBytes),
    continueAsNewSuggested: flight.suggested,
    queryOnly: state.live.flight?.nonce !== flight.nonce,
  });
  return {
    token,
    execution: { workflowId, runId },
    workflowType: state.workflowType,
    taskQueue: state.taskQueue,
    attempt: state.task.attempt,
    baseEventId: BigInt(flight.base),
    seenEventId: BigInt(flight.seen),
    startedTime: toTimestamp(flight.startedAt),
    historyBytes: BigInt(flight.historyBytes),
    continueAsNewSuggested: flight.suggested,
    queries: queries.map(({ id, input }) => ({ queryId: id, queryType: input.queryType, args: input.args, header: input.header })),
    taskTimeoutMs: BigInt(state.taskTimeoutMs),
  };
}

type Frames = Pick<WorkflowTask, 'history' | 'historyFromEventId' | 'historyNextEventId'>;

/** Events from..to as stored bytes: from memory when it reaches back far enough, else from the store. */
async function framesOf(h: History, run: HotRun, from: number, to: number): Promise<Frames> {
  const first = run.tail[0];
  if (from > to) return { history: new Uint8Array(0), historyFromEventId: BigInt(from), historyNextEventId: 0n };
  if (first !== undefined && first.id <= from) {
    const kept = run.tail.filter((event) => event.id >= from && event.id <= to);
    return cut(
      kept.map((event) => event.frame),
      from,
      to,
    );
  }
  const rows = await h.store.readHistory(run.key.slot, run.key.runId, from, MAX_POLL_ANSWER_BYTES);
  const frames = rows.flatMap((row) => splitFrames(row.events).map((frame, index) => ({ id: row.firstEventId + index, frame })));
  return cut(
    frames.filter(({ id }) => id >= from && id <= to).map(({ frame }) => frame),
    from,
    to,
  );
}

function cut(frames: readonly Uint8Array[], from: number, to: number): Frames {
  let bytes = 0;
  let count = 0;
  for (const frame of frames) {
    if (count > 0 && bytes + frame.length > MAX_POLL_ANSWER_BYTES) break;
    bytes += frame.length;
    count += 1;
  }
  const next = from + count;
  return {
    history: joinFrames(frames.slice(0, count)),
    historyFromEventId: BigInt(from),
    historyNextEventId: next > to ? 0n : BigInt(next),
  };
}

async function claimActivity(h: History, run: HotRun, claim: TaskClaim): Promise<ClaimAnswer> {
  const { number, attempt, queue } = claim.ref;
  const activity = act(h, run, 'claimActivity', { number, attempt, queue, claimId: claim.claimId, worker: claim.worker });
  if (activity === undefined) return GONE;
  try {
    // Built now: by the time the start is durable the attempt may have timed out.
    const task = buildActivityTask(h, run, activity, claim.namespace, claim.worker);
    if (isLastAttempt(activity)) await settled(h, run);
    return { kind: 'activity', task };
  } catch (error) {
    undoUnsent(h, claim);
    throw error;
  }
}

/** The content of an attempt that has just been handed out. */
export function buildActivityTask(h: History, run: HotRun, activity: Activity, namespace: string, worker: WorkerInfo): ActivityTask {
  const { namespaceId, workflowId, runId } = run.key;
  const { number, attempt, startNumber } = activity;
  const facts = followUpFacts(run.state, worker);
  return {
    token: signActivityToken(h.tokenKey, { namespaceId, workflowId, runId, number, attempt, startNumber, ...facts }),
    execution: { workflowId, runId },
    workflowType: run.state.workflowType,
    namespace,
    activityId: activity.activityId,
    activityType: activity.activityType,
    taskQueue: activity.taskQueue,
    input: activity.input,
    header: activity.header,
    attempt,
    scheduledTime: toTimestamp(activity.scheduledAt),
    attemptScheduledTime: toTimestamp(activity.dueAt),
    startedTime: toTimestamp(activity.startedAt),
    scheduleToCloseTimeout: toDuration(activity.scheduleToCloseMs),
    startToCloseTimeout: toDuration(activity.startToCloseMs),
    heartbeatTimeout: toDuration(activity.heartbeatMs),
    heartbeatDetails: activity.heartbeatDetails === undefined ? undefined : Payload.create(activity.heartbeatDetails),
    retryPolicy: activity.retryPolicy,
    followUp: facts.baseEventId === 0n ? undefined : followUpBase(run, number, facts),
  };
}

function followUpBase({ state }: HotRun, activityNumber: number, facts: FollowUpFacts): ActivityTask['followUp'] {
  return { activityNumber, ...facts, seenEventId: BigInt(state.task.seen), taskTimeoutMs: BigInt(state.taskTimeoutMs) };
}

/** Answers that did not arrive: their tasks are due again. */
export function undoClaims(h: History, claims: readonly TaskClaim[]): void {
  for (const claim of claims) void undoClaim(h, claim, false, 0);
}

/** What made the answer fail would make the next one fail as well: its task is offered again a little later. */
export function undoUnsent(h: History, claim: TaskClaim): void {
  h.env.setTimer(UNDO_AGAIN_MS, () => void undoClaim(h, claim, true, 0));
}

/** Takes one hand-out back, at once when its run is in memory. What cannot be taken back now is tried again for a while. */
async function undoClaim(h: History, claim: TaskClaim, unsent: boolean, tries: number): Promise<void> {
  const { ref } = claim;
  if (h.node.phase === 'stopped') return;
  try {
    const hot = h.hot.get(ref.runId);
    if (ref.kind === 'workflow') {
      // A workflow task in flight is memory: without it there is nothing to take back.
      if (hot !== undefined) undoWorkflow(h, hot, claim.claimId, unsent);
      return;
    }
    const run = hot ?? (await loadRun(h, keyOf(ref.namespaceId, ref.workflowId, ref.runId)));
    if (run === undefined) return;
    act(h, run, 'undoActivity', { number: ref.number, claimId: claim.claimId, unsent });
    await settled(h, run);
  } catch (error) {
    const over = tries >= MOST_UNDO_TRIES || h.node.phase === 'stopping';
    const facts = { runId: ref.runId, error: String(error) };
    h.log(over ? 'warn' : 'debug', over ? 'a claim could not be undone' : 'a claim cannot be undone now', facts);
    if (!over) h.env.setTimer(UNDO_AGAIN_MS * Math.min(tries + 1, 10), () => void undoClaim(h, claim, unsent, tries + 1));
  }
}

function undoWorkflow(h: History, run: HotRun, claimId: string, unsent: boolean): void {
  const { flight } = run.state.live;
  act(h, run, 'undoTask', { claimId });
  if (flight?.claimId === claimId) detachQueries(h, run, flight.nonce);
  else if (!unsent) detachLost(h, run);
}

/** A query-only task was lost: its queries wait again; those of a task in flight stay with it. */
function detachLost(h: History, run: HotRun): void {
  const lost = new Set(run.queries.filter((query) => query.lost !== undefined && !query.answering).map((query) => query.nonce));
  for (const nonce of lost) detachQueries(h, run, nonce);
}
