/**
 * Who gets which task: pure, on plain data, for one task queue of one kind in one namespace. References wait in a
 * bounded window, oldest first; polls wait oldest first. References kept for one worker (sticky) stand in that worker's
 * own line as long as it is live, and a poll serves its worker's line and the common one together.
 *
 * Between operations nothing that fits waits on both sides once `flush` has run. Times are monotonic ms.
 */
import type { TaskRef } from '../roles.ts';
import { createLine, first, isBefore, join, keepOnly, type Line, lineLength, type Standing, takeFirst } from './line.ts';

/** References per queue. History keeps the rest, so this only has to feed the polls until more comes. */
export const WINDOW = 1_000;
/** A worker with one poll is without poll for some ms after each answer; only after this long its tasks go to others. */
export const STICKY_GRACE_MS = 2_000;
/** A worker that shut down is remembered this long, so that a poll still under way does not make it live again. */
const WORKER_MEMORY_MS = 10_000;

/** One poll. The partition extends it with what it needs for the answer. */
export interface Poll extends Standing {
  readonly workerId: string;
  readonly maxTasks: number;
  readonly stickyOnly: boolean;
  /** `serving`: holds references that are being claimed. */
  state: 'waiting' | 'serving' | 'ended';
  /** Whether the common line and the worker's line still name it; left lazily. */
  inCommon: boolean;
  inOwn: boolean;
}

/** A poll and what it takes. */
export interface Match<P extends Poll> {
  readonly poll: P;
  readonly refs: TaskRef[];
}

interface Entry extends Standing {
  readonly ref: TaskRef;
  readonly key: string;
}

interface Worker<P extends Poll> {
  readonly refs: Line<Entry>;
  readonly polls: Line<P>;
  /** Polls not ended. */
  open: number;
  /** When one of its polls was answered last. */
  answeredAt: number;
  shutDown: boolean;
}

/** All of one queue. */
export interface Queue<P extends Poll> {
  readonly refs: Line<Entry>;
  readonly polls: Line<P>;
  readonly workers: Map<string, Worker<P>>;
  /** Workers whose lines hold references. */
  readonly holding: Set<Worker<P>>;
  /** Workers that got references since the last flush. */
  touched: Worker<P>[];
  /** Names of the references in the window: an offer of one that waits already is no second task. */
  readonly keys: Set<string>;
  /** Polls not ended. */
  open: number;
  arrivals: number;
  /** A reference was refused for want of room. */
  starved: boolean;
  /** What history was asked for and has not offered since. */
  wanted: number;
  /** When `tick` is due; Infinity when it is not. */
  tickAt: number;
}

/** An empty queue. */
export function createQueue<P extends Poll>(): Queue<P> {
  return {
    refs: createLine(),
    polls: createLine(),
    workers: new Map(),
    holding: new Set(),
    touched: [],
    keys: new Set(),
    open: 0,
    arrivals: 0,
    starved: false,
    wanted: 0,
    tickAt: Number.POSITIVE_INFINITY,
  };
}

/** References that wait. */
export function backlog(queue: Queue<Poll>): number {
  return queue.keys.size;
}

/** Takes one reference into the window; false when there is no room. Follow a series of offers with `flush`. */
export function offer<P extends Poll>(queue: Queue<P>, ref: TaskRef, now: number): boolean {
  const key = `${ref.runId}/${ref.number}/${ref.attempt}`;
  if (queue.keys.has(key)) return true;
  if (queue.keys.size >= WINDOW) {
    queue.starved = true;
    return false;
  }
  queue.keys.add(key);
  // Whoever sends all that was asked for is likely to hold more.
  if (queue.wanted > 0 && --queue.wanted === 0) queue.starved = true;
  const entry: Entry = { ref, key, age: ref.dueAt, order: queue.arrivals++ };
  const worker = ref.stickyWorkerId === '' ? undefined : queue.workers.get(ref.stickyWorkerId);
  if (worker === undefined || !isLive(worker, now)) {
    join(queue.refs, entry);
    return true;
  }
  join(worker.refs, entry);
  queue.holding.add(worker);
  queue.touched.push(worker);
  queue.tickAt = Math.min(queue.tickAt, expiry(worker, now));
  return true;
}

/** Gives waiting polls what the last offers brought. */
export function flush<P extends Poll>(queue: Queue<P>): Match<P>[] {
  const matches: Match<P>[] = [];
  // The common line first: its oldest poll comes before a younger one that only a sticky reference would wake.
  while (lineLength(queue.refs) > 0) {
    const poll = firstWaiting(queue.polls, 'inCommon');
    if (poll === undefined) break;
    matches.push({ poll, refs: serve(queue, poll) });
  }
  const { touched } = queue;
  if (touched.length > 0) queue.touched = [];
  for (const worker of touched) {
    while (lineLength(worker.refs) > 0) {
      const poll = firstWaiting(worker.polls, 'inOwn');
      if (poll === undefined) break;
      matches.push({ poll, refs: serve(queue, poll) });
    }
  }
  return matches;
}

/** A new poll: what it takes at once, or nothing and then it waits. */
export function addPoll<P extends Poll>(queue: Queue<P>, poll: P): TaskRef[] {
  let worker = queue.workers.get(poll.workerId);
  if (worker === undefined) {
    worker = { refs: createLine(), polls: createLine(), open: 0, answeredAt: Number.NEGATIVE_INFINITY, shutDown: false };
    queue.workers.set(poll.workerId, worker);
  }
  worker.open++;
  queue.open++;
  return resumePoll(queue, poll);
}

/** A poll none of whose references could be claimed: takes others, or waits again in its old place. */
export function resumePoll<P extends Poll>(queue: Queue<P>, poll: P): TaskRef[] {
  if (poll.state === 'ended') return [];
  const refs = serve(queue, poll);
  if (refs.length > 0) return refs;
  poll.state = 'waiting';
  const worker = queue.workers.get(poll.workerId);
  if (worker !== undefined) enlist(worker.polls, poll, 'inOwn', worker.open);
  if (!poll.stickyOnly) enlist(queue.polls, poll, 'inCommon', queue.open);
  return refs;
}

/** The poll is over. `answered`: its worker was reached and will be back soon; else its call broke. */
export function endPoll<P extends Poll>(queue: Queue<P>, poll: P, now: number, answered: boolean): void {
  if (poll.state === 'ended') return;
  poll.state = 'ended';
  queue.open--;
  const worker = queue.workers.get(poll.workerId);
  if (worker === undefined) return;
  worker.open--;
  if (answered) worker.answeredAt = now;
  if (lineLength(worker.refs) > 0) queue.tickAt = Math.min(queue.tickAt, expiry(worker, now));
}

/** Moves what is kept for workers that are gone to the common line. Call it at `tickAt`; follow it with `flush`. */
export function tick<P extends Poll>(queue: Queue<P>, now: number): void {
  let next = Number.POSITIVE_INFINITY;
  for (const worker of queue.holding) {
    if (isLive(worker, now) && lineLength(worker.refs) > 0) {
      next = Math.min(next, expiry(worker, now));
      continue;
    }
    for (let entry = takeFirst(worker.refs); entry !== undefined; entry = takeFirst(worker.refs)) join(queue.refs, entry);
    queue.holding.delete(worker);
  }
  queue.tickAt = next;
}

/** The worker polls no more: what is kept for it goes to others, its waiting polls end. Follow it with `flush`. */
export function shutdownWorker<P extends Poll>(queue: Queue<P>, workerId: string, now: number): P[] {
  const worker = queue.workers.get(workerId);
  if (worker === undefined) return [];
  worker.shutDown = true;
  worker.answeredAt = now;
  const ended: P[] = [];
  for (let poll = firstWaiting(worker.polls, 'inOwn'); poll !== undefined; poll = firstWaiting(worker.polls, 'inOwn')) {
    endPoll(queue, poll, now, true);
    ended.push(poll);
  }
  tick(queue, now);
  return ended;
}

/** True while tasks may be kept for this worker. */
export function isStickyLive(queue: Queue<Poll>, workerId: string, now: number): boolean {
  const worker = queue.workers.get(workerId);
  return worker !== undefined && isLive(worker, now);
}

/** Forgets workers that went away. Returns true when the queue holds nothing any more. */
export function forgetWorkers<P extends Poll>(queue: Queue<P>, now: number): boolean {
  for (const [id, worker] of queue.workers) {
    if (worker.open === 0 && lineLength(worker.refs) === 0 && now - worker.answeredAt >= WORKER_MEMORY_MS) queue.workers.delete(id);
  }
  return queue.workers.size === 0 && queue.keys.size === 0;
}

/** Takes what waits for this poll, by age over both lines. */
function serve<P extends Poll>(queue: Queue<P>, poll: P): TaskRef[] {
  poll.state = 'serving';
  const refs: TaskRef[] = [];
  const worker = queue.workers.get(poll.workerId);
  while (refs.length < poll.maxTasks) {
    const own = worker && first(worker.refs);
    const common = poll.stickyOnly ? undefined : first(queue.refs);
    const line = own !== undefined && (common === undefined || isBefore(own, common)) ? worker?.refs : common && queue.refs;
    const entry = line && takeFirst(line);
    if (entry === undefined) break;
    queue.keys.delete(entry.key);
    refs.push(entry.ref);
  }
  if (worker !== undefined && lineLength(worker.refs) === 0) queue.holding.delete(worker);
  return refs;
}

function isLive(worker: Worker<Poll>, now: number): boolean {
  return !worker.shutDown && (worker.open > 0 || now - worker.answeredAt < STICKY_GRACE_MS);
}

/** The earliest time at which a worker that is live now may no longer be. */
function expiry(worker: Worker<Poll>, now: number): number {
  if (!isLive(worker, now)) return now;
  return (worker.open > 0 ? now : worker.answeredAt) + STICKY_GRACE_MS;
}

function firstWaiting<P extends Poll>(line: Line<P>, mark: 'inCommon' | 'inOwn'): P | undefined {
  for (let poll = first(line); poll !== undefined; poll = first(line)) {
    if (poll.state === 'waiting') return poll;
    takeFirst(line);
    poll[mark] = false;
  }
  return undefined;
}

/** Joins a line of polls; cuts out those that left lazily when they are most of it. */
function enlist<P extends Poll>(line: Line<P>, poll: P, mark: 'inCommon' | 'inOwn', open: number): void {
  if (poll[mark]) return;
  firstWaiting(line, mark);
  if (lineLength(line) > 2 * open + 32) {
    keepOnly(line, (other) => {
      other[mark] = other.state === 'waiting';
      return other[mark];
    });
  }
  poll[mark] = true;
  join(line, poll);
}
