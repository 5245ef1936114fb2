/** Tasks that travel in the answer to a completion: attempts it scheduled, and the run's next workflow task. */
import type { ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import type { WorkerInfo } from '@perdure/proto/perdure/api/v1/common';
import type { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import type { WorkflowTaskAccepted } from '@perdure/proto/perdure/api/v1/worker_service';
import type { CompletionAnswer } from '../core/completion.ts';
import { isLastAttempt } from '../core/retry.ts';
import { isOpen } from '../core/state.ts';
import { dueSince } from '../core/workflow-task.ts';
import type { EagerRoom, TaskClaim, TaskRef } from '../roles.ts';
import { act } from './act.ts';
import type { History } from './context.ts';
import type { Release } from './dispatch.ts';
import { attachQueries } from './queries.ts';
import type { HotRun } from './run.ts';
import { buildActivityTask, buildTask, hasTail, undoUnsent } from './tasks.ts';

/** What one RPC gives its worker to do at once. */
export interface Given {
  readonly namespace: string;
  readonly worker: WorkerInfo;
  readonly queues: readonly string[];
  room: number;
  readonly claims: TaskClaim[];
  readonly activityTasks: ActivityTask[];
}

/** The run's next task, which travels with the answer to the one before; undefined when it could not be built. */
interface NextTask {
  readonly claim: TaskClaim;
  readonly task: Promise<WorkflowTask | undefined>;
}

/** What the completion of one task takes for its worker when it is committed. */
export interface Taker {
  readonly release: Release;
  /** The answer, once everything the completion depends on is committed. */
  accepted(run: HotRun, answer: CompletionAnswer): Promise<WorkflowTaskAccepted>;
  /** The answer is a refusal: what was taken goes back. */
  giveUp(): void;
}

export function createGiven(namespace: string, worker: WorkerInfo, eager: EagerRoom): Given {
  return { namespace, worker, queues: eager.queues, room: eager.slots, claims: [], activityTasks: [] };
}

/** Registers what the answer carries; '' when it carries nothing. */
export function answerIdOf(h: History, given: Given): string {
  return given.claims.length === 0 ? '' : h.matching().track(given.claims);
}

export function createTaker(h: History, given: Given, sticky: boolean): Taker {
  let next: NextTask | undefined;
  return {
    release: {
      takeActivity: (run, number) => takeActivity(h, run, number, given),
      takeTask(run) {
        next = sticky ? takeTask(h, run, given) : undefined;
        return next !== undefined;
      },
    },
    async accepted(run, { completedEventId, prolonged }) {
      const nextTask = await next?.task;
      if (next !== undefined && nextTask !== undefined) given.claims.push(next.claim);
      return { completedEventId: BigInt(completedEventId), closed: !isOpen(run.state), nextTask, prolonged: prolonged === true };
    },
    giveUp() {
      if (next !== undefined) undoUnsent(h, next.claim);
    },
  };
}

function claimFor(h: History, run: HotRun, given: Given, ref: Pick<TaskRef, 'kind' | 'number' | 'attempt' | 'queue' | 'dueAt'>): TaskClaim {
  const { namespaceId, workflowId, runId } = run.key;
  return {
    ref: { ...ref, namespaceId, workflowId, runId, stickyWorkerId: '' },
    claimId: h.env.newId(),
    worker: given.worker,
    namespace: given.namespace,
  };
}

/** Hands an attempt to the worker whose completion scheduled it; last attempts go the durable way through matching. */
function takeActivity(h: History, run: HotRun, number: number, given: Given): boolean {
  const activity = run.state.activities.get(number);
  if (activity === undefined || given.room === 0 || isLastAttempt(activity) || !given.queues.includes(activity.taskQueue)) return false;
  const { attempt, taskQueue, dueAt } = activity;
  const claim = claimFor(h, run, given, { kind: 'activity', number, attempt, queue: taskQueue, dueAt });
  const claimed = act(h, run, 'claimActivity', { number, attempt, claimId: claim.claimId, worker: given.worker });
  if (claimed === undefined) return false;
  given.room -= 1;
  given.claims.push(claim);
  given.activityTasks.push(buildActivityTask(h, run, claimed, given.namespace, given.worker));
  return true;
}

/** Hands the run's next task to the worker that holds it in its cache. */
function takeTask(h: History, run: HotRun, given: Given): NextTask | undefined {
  if (!hasTail(run, given.worker)) return undefined;
  const { state } = run;
  const claim = claimFor(h, run, given, {
    kind: 'workflow',
    number: 0,
    attempt: state.task.attempt,
    queue: state.taskQueue,
    dueAt: dueSince(state),
  });
  const flight = act(h, run, 'claimTask', { claimId: claim.claimId, worker: given.worker, committedEventId: run.committedEventId });
  if (flight === undefined) return undefined;
  const task = buildTask(h, run, flight, given.worker, attachQueries(run, flight.nonce, flight.seen)).catch((error: unknown) => {
    h.log('warn', 'the next task could not be given out with the answer', { runId: run.key.runId, error: String(error) });
    undoUnsent(h, claim);
    return undefined;
  });
  return { claim, task };
}
