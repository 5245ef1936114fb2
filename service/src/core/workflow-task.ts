/**
 * Workflow task. Given out to one worker at a time; only its completion is an event.
 *
 * | state    | new event for the code | claim            | complete                                   | fail / time-out            | delivery lost | run closes |
 * |----------|------------------------|------------------|--------------------------------------------|----------------------------|---------------|------------|
 * | none     | → due                  | gone             | STALE_TASK                                 | STALE_TASK                 | –             | –          |
 * | due      | stays due              | → out (nonce)    | STALE_TASK                                 | STALE_TASK                 | –             | none       |
 * | out      | stays out, due after   | same claim: same answer, else gone | WorkflowTaskCompleted + one event per command → none or due | mark, attempt + 1, back-off → due | → due | none |
 *
 * A close with unseen signals or cancel requests is refused (UNSEEN_EVENTS): everything of the completion is dropped and a
 * new task is due at once; that is not a failed attempt.
 */
import type { WorkerInfo } from '@perdure/proto/perdure/api/v1/common';
import type { Failure } from '@perdure/proto/perdure/api/v1/failure';
import { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import type { WorkflowTaskToken } from '@perdure/proto/perdure/server/v1/token';
import { PerdureError } from '../errors.ts';
import type { EventFolds, MarkFolds } from './concepts.ts';
import { cutFailure } from './failures.ts';
import { BLOCKED_AT_TASK_ATTEMPT, SUGGEST_CONTINUE_BYTES, SUGGEST_CONTINUE_EVENTS } from './limits.ts';
import { type Flight, isOpen, type RunState } from './state.ts';
import { jitter, mark, type Transition } from './transition.ts';
import { isAsking, updatesForTask } from './update.ts';

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 600_000;

export const taskFolds: EventFolds<'workflowTaskCompleted'> = {
  workflowTaskCompleted(state, value, head) {
    const { task } = state;
    task.base = head.id;
    task.seen = Number(value.seenEventId);
    task.attempt = 1;
    task.notBefore = 0;
    task.failure = undefined;
    task.cause = WorkflowTaskFailureCause.UNSPECIFIED;
    task.blockedSince = 0;
    task.stickyWorkerId = value.workerId;
    task.buildId = value.buildId;
    task.dueSince = head.time;
    if (state.unseen !== undefined) {
      const { seen } = task;
      const left = state.unseen.filter(({ id }) => id > seen);
      state.unseen = left.length === 0 ? undefined : left;
    }
  },
};

export const taskMarks: MarkFolds<'workflowTaskAttemptFailed'> = {
  workflowTaskAttemptFailed(state, value, time) {
    const { task } = state;
    task.attempt = value.attempt + 1;
    task.notBefore = Number(value.nextAttemptMs);
    task.failure = value.failure;
    task.cause = value.cause;
    task.failedAt = time;
    task.stickyWorkerId = '';
    if (task.blockedSince === 0 && task.attempt >= BLOCKED_AT_TASK_ATTEMPT) task.blockedSince = time;
  },
};

/**
 * The code has something to see or to decide on, or its worker asked to go on. A task that failed is tried again also when what
 * it was for has gone: so the run shows that it is well again. Never while the run is paused.
 */
export function isTaskDue(state: RunState): boolean {
  const { task, live } = state;
  if (!isOpen(state) || state.paused !== undefined) return false;
  return task.lastDelivered > task.seen || live.forceTask || isAsking(state) || task.attempt > 1;
}

/** When the open task became due. */
export function dueSince({ task, live }: RunState): number {
  if (task.lastDelivered > task.seen || live.updates === undefined) return task.dueSince;
  for (const { since } of live.updates.values()) return Math.max(since, task.dueSince);
  return task.dueSince;
}

export interface TaskClaimInput {
  readonly claimId: string;
  readonly worker: WorkerInfo;
  /** The last committed event: a task shows no other. */
  readonly committedEventId: number;
}

/** Gives the open task out; undefined when there is none to give. The same claim id gets the same answer again. */
export function claimTask(t: Transition, input: TaskClaimInput): Flight | undefined {
  const { state, env } = t;
  const { flight } = state.live;
  if (flight !== undefined) return flight.claimId === input.claimId ? flight : undefined;
  if (!isTaskDue(state)) {
    // Nobody waits any more for the update it was for: the reference is spent.
    state.live.taskOffered = false;
    return undefined;
  }
  if (input.committedEventId < state.task.base) return undefined;
  if (state.task.notBefore > env.now) {
    // The reference is spent, and clocks step back: another must be offered when the time has come.
    state.live.taskOffered = false;
    return undefined;
  }
  const made: Flight = {
    nonce: env.newId(),
    claimId: input.claimId,
    base: state.task.base,
    seen: input.committedEventId,
    startedAt: Math.max(env.now, state.lastEventAt),
    historyBytes: state.historyBytes,
    suggested: state.nextEventId > SUGGEST_CONTINUE_EVENTS || state.historyBytes > SUGGEST_CONTINUE_BYTES,
    deadline: env.now + state.taskTimeoutMs,
    news: state.task.lastDelivered > state.task.seen,
    updates: updatesForTask(state),
    workerId: input.worker.workerId,
    identity: input.worker.identity,
    buildId: input.worker.buildId,
  };
  state.live.flight = made;
  state.live.newWorker = false;
  return made;
}

/** The flight a worker's answer belongs to. Throws STALE_TASK when that task is not the one in flight. */
export function flightOf(state: RunState, token: Pick<WorkflowTaskToken, 'nonce'>): Flight {
  const { flight } = state.live;
  if (flight !== undefined && flight.nonce === token.nonce) return flight;
  const { runId } = state.identity;
  const why = isOpen(state) ? 'was given out again, timed out or was completed' : 'is void, the run has closed';
  throw new PerdureError('STALE_TASK', `this workflow task of run ${runId} ${why}`, { run_id: runId });
}

/** The hand-out did not arrive, or the worker gives the task back: due again, same attempt. */
export function undoTask(t: Transition, which: { claimId?: string; nonce?: string }): void {
  const { live, task } = t.state;
  if (live.flight === undefined || (live.flight.claimId !== which.claimId && live.flight.nonce !== which.nonce)) return;
  live.flight = undefined;
  live.taskOffered = false;
  task.stickyWorkerId = '';
}

/** Ends the task in flight as failed; another attempt follows after a back-off. */
export function failTask(t: Transition, cause: WorkflowTaskFailureCause, failure: Failure | undefined): void {
  const { state, env } = t;
  const { flight } = state.live;
  const { attempt } = state.task;
  state.live.flight = undefined;
  state.live.taskOffered = false;
  state.live.closeRefused = false;
  const delay = attempt === 1 || state.live.newWorker ? 0 : backOff(attempt) * (0.9 + 0.2 * jitter(env));
  state.live.newWorker = false;
  const value = {
    attempt,
    cause,
    failure: failure === undefined ? undefined : cutFailure(failure),
    nextAttemptMs: BigInt(Math.ceil(env.now + delay)),
    buildId: flight?.buildId ?? '',
  };
  // A run may fail its task for years: the 1st, 2nd, 4th, 8th … failure is written, the others live in memory.
  const written = (attempt & (attempt - 1)) === 0;
  if (written) mark(t, { $case: 'workflowTaskAttemptFailed', value });
  else taskMarks.workflowTaskAttemptFailed(state, value, env.now);
}

function backOff(attempt: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** Math.min(attempt - 2, 20), LONGEST_DELAY_MS);
}

/** A task that got no answer in time counts as failed. */
export function dueTask(t: Transition): void {
  const { flight } = t.state.live;
  if (flight === undefined || flight.deadline > t.env.now) return;
  const message = `no answer within the workflow task timeout of ${t.state.taskTimeoutMs} ms (worker ${flight.identity || flight.workerId})`;
  failTask(t, WorkflowTaskFailureCause.TIMED_OUT, {
    message,
    stackTrace: '',
    source: 'service',
    cause: undefined,
    encodedAttributes: undefined,
    info: undefined,
  });
}

/**
 * A new worker has come: a run that waits to try its task again tries at once. While the task is out, its failure says
 * nothing about the new worker either: the attempt after it does not wait.
 */
export function hurryTask(t: Transition): void {
  const { task, live } = t.state;
  if (task.attempt === 1) return;
  if (live.flight === undefined) task.notBefore = Math.min(task.notBefore, t.env.now);
  else live.newWorker = true;
}
