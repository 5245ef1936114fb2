/**
 * The matching role: brings tasks and polls together, one partition per (kind, namespace, queue). In memory only; after
 * a restart history offers again, and what was on its way to a worker is undone there when the receipt stays out.
 */
import type { ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import type { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import { MAX_POLLED_QUEUES, MAX_WAITING_POLLS } from '../core/limits.ts';
import type { Env, Timer } from '../env.ts';
import { PerdureError } from '../errors.ts';
import type { HistoryRole, MatchingRole, PollInput, QueueState, TaskRef } from '../roles.ts';
import type { Log } from '../telemetry/log.ts';
import { createAnswers } from './answers.ts';
import { backlog, createQueue, forgetWorkers, isStickyLive, offer, shutdownWorker } from './match.ts';
import {
  deliver,
  emptyAnswer,
  finish,
  offerRoom,
  type Partition,
  type PollAnswer,
  type Surroundings,
  startPoll,
  type WaitingPoll,
} from './partition.ts';

/** How often queues and workers that went away are looked for. */
const SWEEP_MS = 15_000;
/** An empty queue is remembered this long after its last poll: describe tells when it was. */
const IDLE_QUEUE_MS = 300_000;
/** What a caller that is one too many should wait. */
const OVERLOAD_RETRY_MS = 1_000;
const CLOSED_RETRY_MS = 200;

export interface MatchingOptions {
  readonly env: Env;
  /** Read at each use: history and matching know each other. */
  readonly history: () => HistoryRole;
  readonly log?: Log | undefined;
  /** Polls that may wait; more are refused with OVERLOADED. Default 50 000. */
  readonly maxWaitingPolls?: number | undefined;
}

/** Stops with its polls answered empty; later polls are refused with UNAVAILABLE, offers find no room. */
export type Matching = MatchingRole & { close(): void };

interface State extends Surroundings {
  readonly partitions: Map<string, Partition>;
  /** Partitions with offers not handed out yet. */
  readonly dirty: Set<Partition>;
  readonly polls: Map<WaitingPoll, Partition>;
  readonly maxWaitingPolls: number;
  arrivals: number;
  sweep: Timer | undefined;
  closed: boolean;
}

/** Creates the role. Nothing runs until something is offered or polled. */
export function createMatching(options: MatchingOptions): Matching {
  const { env, history } = options;
  const claimPrefix = env.newId();
  let claimsMade = 0;
  const answers = createAnswers(env, (claims) => history().undoClaims(claims));
  const state: State = {
    env,
    history,
    answers,
    log: options.log,
    nextClaimId: () => `${claimPrefix}.${claimsMade++}`,
    partitions: new Map(),
    dirty: new Set(),
    polls: new Map(),
    maxWaitingPolls: options.maxWaitingPolls ?? MAX_WAITING_POLLS,
    arrivals: 0,
    sweep: undefined,
    closed: false,
  };
  return {
    offer: (refs) => offerAll(state, refs),
    pollWorkflowTasks: (input, abort) => poll(state, 'workflow', input, abort) as Promise<{ answerId: string; tasks: WorkflowTask[] }>,
    pollActivityTasks: (input, abort) => poll(state, 'activity', input, abort) as Promise<{ answerId: string; tasks: ActivityTask[] }>,
    track: answers.track,
    received: answers.received,
    undelivered: answers.undelivered,
    isStickyLive: (namespaceId, queue, workerId) => {
      const partition = state.partitions.get(keyOf('workflow', namespaceId, queue));
      return partition !== undefined && !state.closed && isStickyLive(partition.queue, workerId, env.monotonic());
    },
    shutdownWorker: (namespaceId, queue, workerId) => {
      for (const kind of ['workflow', 'activity'] as const) shutDown(state, kind, namespaceId, queue, workerId);
    },
    describeQueue: (kind, namespaceId, queue) => describe(state.partitions.get(keyOf(kind, namespaceId, queue))),
    close: () => close(state),
  };
}

/** Takes references in order until one has no room. Polls get theirs right after the caller's turn, all in one batch. */
function offerAll(state: State, refs: readonly TaskRef[]): number {
  if (state.closed) return 0;
  const now = state.env.monotonic();
  let partition: Partition | undefined;
  for (const [index, ref] of refs.entries()) {
    if (partition?.name !== ref.queue || partition.kind !== ref.kind || partition.namespaceId !== ref.namespaceId) {
      partition = open(state, ref.kind, ref.namespaceId, ref.queue);
    }
    if (state.dirty.size === 0) queueMicrotask(() => deliverDirty(state));
    state.dirty.add(partition);
    if (offer(partition.queue, ref, now)) continue;
    // Full, but polls may wait for what is in the window.
    deliver(partition, state);
    if (!offer(partition.queue, ref, now)) return index;
  }
  return refs.length;
}

function deliverDirty(state: State): void {
  const partitions = [...state.dirty];
  state.dirty.clear();
  if (state.closed) return;
  for (const partition of partitions) {
    deliver(partition, state);
    offerRoom(partition, state);
  }
}

function poll(state: State, kind: TaskRef['kind'], input: PollInput, abort: AbortSignal): Promise<PollAnswer> {
  if (abort.aborted) return Promise.resolve(emptyAnswer());
  const refusal = refuse(state, kind, input);
  if (refusal !== undefined) return Promise.reject(refusal);
  const partition = open(state, kind, input.namespaceId, input.queue);
  return new Promise((resolve, reject) => {
    const gone = (): void => finish(partition, waiting, undefined, state);
    const waiting: WaitingPoll = {
      age: 0,
      order: state.arrivals++,
      workerId: input.worker.workerId,
      maxTasks: Math.max(1, input.maxTasks),
      stickyOnly: input.stickyOnly,
      state: 'waiting',
      inCommon: false,
      inOwn: false,
      input,
      expired: false,
      timer: undefined,
      done: (outcome) => {
        state.polls.delete(waiting);
        abort.removeEventListener('abort', gone);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      },
    };
    state.polls.set(waiting, partition);
    abort.addEventListener('abort', gone, { once: true });
    startPoll(partition, waiting, state);
  });
}

function refuse(state: State, kind: TaskRef['kind'], input: PollInput): PerdureError | undefined {
  if (state.closed) return new PerdureError('UNAVAILABLE', 'this server is stopping; try again', {}, CLOSED_RETRY_MS);
  if (state.polls.size >= state.maxWaitingPolls) {
    return new PerdureError(
      'OVERLOADED',
      `${state.polls.size} polls wait already, the limit is ${state.maxWaitingPolls}`,
      {},
      OVERLOAD_RETRY_MS,
    );
  }
  if (state.partitions.size >= MAX_POLLED_QUEUES && !state.partitions.has(keyOf(kind, input.namespaceId, input.queue))) {
    return new PerdureError(
      'OVERLOADED',
      `${state.partitions.size} task queues are in use, the limit is ${MAX_POLLED_QUEUES}`,
      {},
      OVERLOAD_RETRY_MS,
    );
  }
  return undefined;
}

function shutDown(state: State, kind: TaskRef['kind'], namespaceId: string, name: string, workerId: string): void {
  const partition = state.partitions.get(keyOf(kind, namespaceId, name));
  if (partition === undefined) return;
  for (const ended of shutdownWorker(partition.queue, workerId, state.env.monotonic())) {
    ended.timer?.cancel();
    ended.done(emptyAnswer());
  }
  deliver(partition, state);
}

function describe(partition: Partition | undefined): QueueState {
  if (partition === undefined) return { pollers: 0, lastPollAt: 0, backlog: 0 };
  return { pollers: partition.queue.open, lastPollAt: partition.lastPollAt, backlog: backlog(partition.queue) };
}

/** Finds or makes a partition. */
function open(state: State, kind: TaskRef['kind'], namespaceId: string, name: string): Partition {
  const key = keyOf(kind, namespaceId, name);
  const known = state.partitions.get(key);
  if (known !== undefined) return known;
  const partition: Partition = {
    kind,
    namespaceId,
    name,
    queue: createQueue(),
    seen: new Map(),
    lastPollAt: 0,
    timer: undefined,
    timerAt: Number.POSITIVE_INFINITY,
  };
  state.partitions.set(key, partition);
  state.sweep ??= state.env.setTimer(SWEEP_MS, () => sweep(state));
  return partition;
}

/** Forgets workers and queues that went away, and asks for tasks where polls wait. Sleeps while there is nothing to forget. */
function sweep(state: State): void {
  state.sweep = undefined;
  const now = state.env.now();
  for (const [key, partition] of state.partitions) {
    const empty = forgetWorkers(partition.queue, state.env.monotonic());
    // Whatever made history keep back what has room here, it does not last.
    if (partition.queue.open > 0) offerRoom(partition, state, true);
    if (!empty || state.dirty.has(partition) || now - partition.lastPollAt < IDLE_QUEUE_MS) continue;
    partition.timer?.cancel();
    state.partitions.delete(key);
  }
  if (state.partitions.size > 0) state.sweep = state.env.setTimer(SWEEP_MS, () => sweep(state));
}

function close(state: State): void {
  if (state.closed) return;
  state.closed = true;
  state.sweep?.cancel();
  for (const [waiting, partition] of state.polls) {
    if (waiting.state === 'waiting') finish(partition, waiting, emptyAnswer(), state);
    else waiting.expired = true;
  }
  for (const partition of state.partitions.values()) partition.timer?.cancel();
  state.answers.close();
}

function keyOf(kind: TaskRef['kind'], namespaceId: string, name: string): string {
  return `${kind} ${namespaceId} ${name}`;
}
