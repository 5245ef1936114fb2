/**
 * Queries: answered from committed state, in memory only. A query waits until a completed task has seen every event that
 * was there when it arrived: attached to the next task not yet given out, or alone when no task is due. Closed runs answer
 * at their last task.
 */

import type { QueryResult } from '@perdure/proto/perdure/api/v1/query';
import { MAX_WAITING_QUERIES } from '../core/limits.ts';
import { isOpen } from '../core/state.ts';
import { blocked } from '../core/update.ts';
import { isTaskDue } from '../core/workflow-task.ts';
import type { Timer } from '../env.ts';
import { PerdureError } from '../errors.ts';
import type { QueryAnswer, QueryInput } from '../roles.ts';
import type { History } from './context.ts';
import { offerTask } from './offers.ts';
import { Dropped, type HotRun } from './run.ts';

export interface WaitingQuery {
  readonly id: string;
  readonly input: QueryInput;
  /** What a completed task must have seen. */
  readonly needed: number;
  /** Task it travels with, '' while it waits. */
  nonce: string;
  /** The task is for queries alone: when this fires it is lost. */
  lost: Timer | undefined;
  /** Its task has come back; the answer waits for a commit. */
  answering: boolean;
  resolve(answer: QueryAnswer): void;
  reject(error: Error): void;
  dropped(): void;
}

/** Between two polls, and while workers are replaced, no worker polls for a while: only after this long nobody will answer. */
const NO_WORKER_MS = 10_000;

/**
 * Asks the run's code. Rejects with QUERY_UNANSWERED after `waitMs`, or at once when no worker has polled for 10 s; RUN_BLOCKED
 * and QUERY_NOT_READY at once.
 */
export function askQuery(h: History, run: HotRun, input: QueryInput, waitMs: number): Promise<QueryAnswer> {
  const { state } = run;
  if (state.task.blockedSince > 0) return Promise.reject(blocked(state));
  if (!isOpen(state) && state.task.base === 0) return Promise.reject(notReady(run, 'closed'));
  if (state.paused !== undefined && state.task.base === 0 && state.live.flight === undefined)
    return Promise.reject(notReady(run, 'was paused'));
  if (isDeserted(h, run)) return Promise.reject(unanswered(h, run, 0));
  if (run.queries.length >= MAX_WAITING_QUERIES) {
    return Promise.reject(new PerdureError('OVERLOADED', `${run.queries.length} queries wait for run ${run.key.runId}`, {}, 1_000));
  }
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      timer.cancel();
      query.lost?.cancel();
      run.queries = run.queries.filter((each) => each !== query);
    };
    const query: WaitingQuery = {
      id: h.env.newId(),
      input,
      needed: isOpen(state) ? state.task.lastDelivered : 0,
      nonce: '',
      lost: undefined,
      answering: false,
      resolve(answer) {
        settle();
        resolve(answer);
      },
      reject(error) {
        settle();
        reject(error);
      },
      dropped() {
        query.reject(new Dropped());
      },
    };
    const timer = h.env.setTimer(waitMs, () => query.reject(unanswered(h, run, waitMs)));
    run.queries.push(query);
    if (run.lastUnit === undefined) queriesAfterCommit(h, run);
  });
}

function notReady(run: HotRun, how: string): PerdureError {
  return new PerdureError('QUERY_NOT_READY', `run ${run.key.runId} ${how} before its first workflow task was completed`);
}

/** Nobody polls. A run that has just begun is given the time too; polls from before this service took it over are not known. */
function isDeserted(h: History, run: HotRun): boolean {
  const { startedAt, live } = run.state;
  const { pollers, lastPollAt } = h.matching().describeQueue('workflow', run.key.namespaceId, run.state.taskQueue);
  return pollers === 0 && h.env.now() - Math.max(lastPollAt, startedAt, live.claimedAt) >= NO_WORKER_MS;
}

function unanswered(h: History, run: HotRun, waitMs: number): PerdureError {
  const queue = h.matching().describeQueue('workflow', run.key.namespaceId, run.state.taskQueue);
  const silent = queue.lastPollAt === 0 ? 'since the service started' : `for ${Math.round((h.env.now() - queue.lastPollAt) / 1000)} s`;
  const why =
    queue.pollers === 0 ? `no worker has polled task queue "${run.state.taskQueue}" ${silent}` : 'its workers did not answer in time';
  const when = waitMs === 0 ? 'cannot be answered now' : `was not answered within ${waitMs} ms`;
  return new PerdureError('QUERY_UNANSWERED', `the query ${when}: ${why}`, {
    task_queue: run.state.taskQueue,
  });
}

/** A query can be answered by replaying to the last completed task: one that is stored, or its events could not be shown. */
function isReady(run: HotRun, query: WaitingQuery): boolean {
  const { state } = run;
  if (state.task.base > run.committedEventId) return false;
  // A paused run shows its code nothing new: it answers at its last task.
  return query.nonce === '' && state.task.base > 0 && (state.task.seen >= query.needed || state.paused !== undefined);
}

/** Looked at after every commit: takes back what travelled with a lost task, and offers what can be asked alone. */
export function queriesAfterCommit(h: History, run: HotRun): void {
  if (run.queries.length === 0) return;
  const { state } = run;
  if (state.task.blockedSince > 0) {
    for (const query of [...run.queries]) query.reject(blocked(state));
    return;
  }
  const out = state.live.flight?.nonce;
  // A task in flight may have timed out, or closed with its run.
  for (const query of run.queries) if (query.nonce !== out && query.lost === undefined && !query.answering) query.nonce = '';
  if (out !== undefined || isTaskDue(state)) return;
  if (run.queries.some((query) => isReady(run, query))) offerTask(h, run);
}

/** Queries that may travel with the task of this nonce that shows events up to `seen`. */
export function attachQueries(run: HotRun, nonce: string, seen: number): WaitingQuery[] {
  const chosen = run.queries.filter((query) => query.nonce === '' && query.needed <= seen);
  for (const query of chosen) query.nonce = nonce;
  return chosen;
}

/** Queries for a task of their own, which has the run's task timeout too; empty while a workflow task is out or due. */
export function takeReadyQueries(h: History, run: HotRun, nonce: string): WaitingQuery[] {
  if (run.state.live.flight !== undefined || isTaskDue(run.state)) return [];
  const chosen = run.queries.filter((query) => isReady(run, query));
  for (const query of chosen) {
    query.nonce = nonce;
    query.lost = h.env.setTimer(run.state.taskTimeoutMs, () => detachQueries(h, run, nonce));
  }
  return chosen;
}

/** The task of this nonce did not bring answers: its queries wait again. */
export function detachQueries(h: History, run: HotRun, nonce: string): void {
  for (const query of run.queries) {
    if (query.nonce !== nonce) continue;
    query.lost?.cancel();
    query.lost = undefined;
    query.answering = false;
    query.nonce = '';
  }
  queriesAfterCommit(h, run);
}

/** The answers of a task. Returns what releases them, to be called when the completion is committed. */
export function answerQueries(h: History, run: HotRun, nonce: string, results: readonly QueryResult[]): () => void {
  const asked = run.queries.filter((query) => query.nonce === nonce);
  if (asked.length === 0) return () => {};
  for (const query of asked) query.answering = true;
  return () => {
    for (const query of asked) {
      const result = results.find((each) => each.queryId === query.id);
      if (result?.outcome !== undefined) query.resolve(result.outcome);
    }
    detachQueries(h, run, nonce);
  };
}
