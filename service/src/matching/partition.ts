/** One queue at work: polls that wait for their answer, claims at history, timers. The rules are in match.ts. */
import type { ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import type { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import { MAX_POLL_ANSWER_BYTES } from '../core/limits.ts';
import type { Env, Timer } from '../env.ts';
import { PerdureError } from '../errors.ts';
import type { ClaimAnswer, HistoryRole, PollInput, TaskClaim, TaskRef } from '../roles.ts';
import type { Log } from '../telemetry/log.ts';
import type { Answers } from './answers.ts';
import { addPoll, backlog, endPoll, flush, type Poll, type Queue, resumePoll, tick, WINDOW } from './match.ts';
import { isNewcomer, type Newcomers } from './newcomers.ts';
import { activityTaskBytes, workflowTaskBytes } from './size.ts';

/** What a poll gets. */
export interface PollAnswer {
  readonly answerId: string;
  readonly tasks: (WorkflowTask | ActivityTask)[];
}

/** A poll whose answer is awaited. */
export interface WaitingPoll extends Poll {
  readonly input: PollInput;
  readonly done: (outcome: PollAnswer | Error) => void;
  /** The wait is over; the poll only finishes the claims it is at. */
  expired: boolean;
  timer: Timer | undefined;
}

/** What partitions share. */
export interface Surroundings {
  readonly env: Env;
  readonly history: () => HistoryRole;
  readonly answers: Answers;
  readonly log: Log | undefined;
  nextClaimId(): string;
}

export interface Partition {
  readonly kind: TaskRef['kind'];
  readonly namespaceId: string;
  readonly name: string;
  readonly queue: Queue<WaitingPoll>;
  readonly seen: Newcomers;
  /** When a poll began or ended last, ms since 1970; 0 before the first. */
  lastPollAt: number;
  timer: Timer | undefined;
  /** When `timer` fires, monotonic; Infinity without one. */
  timerAt: number;
}

/** Nothing, for a poll whose wait is over. */
export function emptyAnswer(): PollAnswer {
  return { answerId: '', tasks: [] };
}

/** Starts a poll: answers it at once, or lets it wait for at most `waitMs`. */
export function startPoll(partition: Partition, poll: WaitingPoll, around: Surroundings): void {
  partition.lastPollAt = around.env.now();
  if (partition.kind === 'workflow' && isNewcomer(partition.seen, poll.workerId, around.env.monotonic())) {
    around.history().newWorker(partition.namespaceId, partition.name, poll.workerId);
  }
  // Older polls take what was offered just now.
  deliver(partition, around);
  const refs = addPoll(partition.queue, poll);
  if (refs.length > 0) {
    void claim(partition, poll, refs, around);
    offerRoom(partition, around);
    return;
  }
  waitFor(partition, poll, around);
}

/** Hands what was offered to the polls that wait. */
export function deliver(partition: Partition, around: Surroundings): void {
  for (const { poll, refs } of flush(partition.queue)) void claim(partition, poll, refs, around);
  armTimer(partition, around);
}

/** Tells history when half of the window is free again, if it had to keep something back (or `always`). */
export function offerRoom(partition: Partition, around: Surroundings, always = false): void {
  const { queue } = partition;
  const room = WINDOW - backlog(queue);
  if (!(queue.starved || always) || room < WINDOW / 2) return;
  queue.starved = false;
  queue.wanted = room;
  around.history().wantTasks(partition.kind, partition.namespaceId, partition.name, room);
}

/** The poll is over, with an answer or because its call broke (`outcome` undefined). */
export function finish(partition: Partition, poll: WaitingPoll, outcome: PollAnswer | Error | undefined, around: Surroundings): void {
  if (poll.state === 'ended') return;
  partition.lastPollAt = around.env.now();
  endPoll(partition.queue, poll, around.env.monotonic(), outcome !== undefined);
  poll.timer?.cancel();
  poll.done(outcome ?? emptyAnswer());
  armTimer(partition, around);
}

/** Claims what the poll took, and answers with what history grants; takes again or waits when it grants nothing. */
async function claim(partition: Partition, poll: WaitingPoll, taken: readonly TaskRef[], around: Surroundings): Promise<void> {
  // Never on the stack of an offer: history is in the middle of its work then.
  await Promise.resolve();
  for (let refs = taken; refs.length > 0; ) {
    const claims = refs.map((ref) => claimOf(ref, poll, around));
    const answers = await claimAtHistory(claims, around);
    if (answers instanceof Error) {
      // Whether they were given is not known: undone, they are offered again. The worker hears why, and backs off.
      around.history().undoClaims(claims);
      finish(partition, poll, answers, around);
      return;
    }
    const granted = sift(claims, answers);
    if (poll.state === 'ended') {
      undo([...granted.kept, ...granted.surplus], around);
      return;
    }
    if (granted.kept.length > 0) {
      finish(partition, poll, { answerId: around.answers.track(granted.kept), tasks: granted.tasks }, around);
      undo(granted.surplus, around);
      return;
    }
    refs = resume(partition, poll, around);
  }
}

function resume(partition: Partition, poll: WaitingPoll, around: Surroundings): readonly TaskRef[] {
  if (poll.expired) {
    finish(partition, poll, emptyAnswer(), around);
    return [];
  }
  const refs = resumePoll(partition.queue, poll);
  offerRoom(partition, around);
  // It was to be answered at once, so it has no timer yet.
  if (refs.length === 0 && poll.timer === undefined) waitFor(partition, poll, around);
  return refs;
}

function waitFor(partition: Partition, poll: WaitingPoll, around: Surroundings): void {
  const expire = (): void => {
    poll.expired = true;
    if (poll.state === 'waiting') finish(partition, poll, emptyAnswer(), around);
  };
  if (poll.input.waitMs <= 0) expire();
  else poll.timer = around.env.setTimer(poll.input.waitMs, expire);
}

function claimOf(ref: TaskRef, poll: WaitingPoll, around: Surroundings): TaskClaim {
  return { ref, claimId: around.nextClaimId(), worker: poll.input.worker, namespace: poll.input.namespace };
}

async function claimAtHistory(claims: readonly TaskClaim[], around: Surroundings): Promise<ClaimAnswer[] | Error> {
  try {
    return await around.history().claimTasks(claims);
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error));
    if (!(error instanceof PerdureError))
      around.log?.('error', 'history could not be asked for tasks', { error: failure.stack ?? failure.message });
    return failure;
  }
}

/** Keeps what fits into one answer, at least one task. What is gone or comes again by itself is dropped. */
function sift(
  claims: readonly TaskClaim[],
  answers: readonly ClaimAnswer[],
): { kept: TaskClaim[]; tasks: PollAnswer['tasks']; surplus: TaskClaim[] } {
  const kept: TaskClaim[] = [];
  const surplus: TaskClaim[] = [];
  const tasks: PollAnswer['tasks'] = [];
  let bytes = 0;
  for (const [index, item] of claims.entries()) {
    const answer = answers[index];
    if (answer === undefined || (answer.kind !== 'workflow' && answer.kind !== 'activity')) continue;
    const size = answer.kind === 'workflow' ? workflowTaskBytes(answer.task) : activityTaskBytes(answer.task);
    if (kept.length > 0 && bytes + size > MAX_POLL_ANSWER_BYTES) {
      surplus.push(item);
      continue;
    }
    bytes += size;
    kept.push(item);
    tasks.push(answer.task);
  }
  return { kept, tasks, surplus };
}

function undo(claims: readonly TaskClaim[], around: Surroundings): void {
  if (claims.length > 0) around.history().undoClaims(claims);
}

/** Sticky references move on time; without any there is no timer. */
function armTimer(partition: Partition, around: Surroundings): void {
  const { tickAt } = partition.queue;
  if (tickAt >= partition.timerAt) return;
  partition.timer?.cancel();
  partition.timerAt = tickAt;
  partition.timer = around.env.setTimer(Math.max(0, tickAt - around.env.monotonic()), () => {
    partition.timer = undefined;
    partition.timerAt = Number.POSITIVE_INFINITY;
    tick(partition.queue, around.env.monotonic());
    deliver(partition, around);
  });
}
