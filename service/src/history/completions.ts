/** What workers answer to workflow tasks: completions, failures, query answers. */
import type { ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import type { WorkerInfo } from '@perdure/proto/perdure/api/v1/common';
import type { Failure } from '@perdure/proto/perdure/api/v1/failure';
import type { QueryResult } from '@perdure/proto/perdure/api/v1/query';
import { type WorkflowTask, WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import type { WorkflowTaskResult } from '@perdure/proto/perdure/api/v1/worker_service';
import type { WorkflowTaskToken } from '@perdure/proto/perdure/server/v1/token';
import { failureOf } from '../core/failures.ts';
import { toItemError } from '../core/item-error.ts';
import { isLastAttempt } from '../core/retry.ts';
import { isOpen } from '../core/state.ts';
import { PerdureError } from '../errors.ts';
import type { CompletionAnswer, EagerRoom, TaskClaim, TaskRef, VerifiedCompletion } from '../roles.ts';
import { act, settled } from './act.ts';
import type { History } from './context.ts';
import type { Release } from './dispatch.ts';
import { loadRun } from './loading.ts';
import { keyOf } from './memory.ts';
import { answerQueries, attachQueries, detachQueries } from './queries.ts';
import { Dropped, type HotRun } from './run.ts';
import { buildActivityTask, buildTask, hasTail, undoUnsent } from './tasks.ts';

/** What one RPC gives its worker to do at once. */
interface Given {
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

/** One result per item, in order; never rejects for an item. */
export async function completeWorkflowTasks(
  h: History,
  namespace: string,
  items: readonly VerifiedCompletion[],
  worker: WorkerInfo,
  eager: EagerRoom,
): Promise<CompletionAnswer> {
  const given: Given = { namespace, worker, queues: eager.queues, room: eager.slots, claims: [], activityTasks: [] };
  const results = await Promise.all(items.map((item) => completeOne(h, item, given)));
  const answerId = given.claims.length === 0 ? '' : h.matching().track(given.claims);
  return { results, answerId, activityTasks: given.activityTasks };
}

async function completeOne(h: History, item: VerifiedCompletion, given: Given): Promise<WorkflowTaskResult> {
  const { token, completion } = item;
  const eager: { next?: NextTask | undefined } = {};
  let run: HotRun | undefined;
  try {
    run = await runOf(h, token);
    const release: Release = {
      takeActivity: (released, number) => takeActivity(h, released, number, given),
      takeTask: (released) => {
        eager.next = completion.sticky ? takeTask(h, released, given) : undefined;
        return eager.next !== undefined;
      },
    };
    const answer = answerQueries(h, run, token.nonce, completion.queryResults);
    const { completedEventId } = act(h, run, 'completeTask', { token, completion, worker: given.worker }, 'owed', release);
    await settled(h, run);
    answer();
    const nextTask = await eager.next?.task;
    if (eager.next !== undefined && nextTask !== undefined) given.claims.push(eager.next.claim);
    const ok = { completedEventId: BigInt(completedEventId), closed: !isOpen(run.state), nextTask };
    return { outcome: { $case: 'ok', value: ok } };
  } catch (error) {
    if (eager.next !== undefined) undoUnsent(h, eager.next.claim);
    return { outcome: { $case: 'error', value: toItemError(await refused(h, run, token, error)) } };
  }
}

/** The run of a token; WORKFLOW_NOT_FOUND when there is none. */
export async function runOf(h: History, token: { namespaceId: string; workflowId: string; runId: string }): Promise<HotRun> {
  const run = h.hot.get(token.runId) ?? (await loadRun(h, keyOf(token.namespaceId, token.workflowId, token.runId)));
  if (run === undefined) throw new PerdureError('WORKFLOW_NOT_FOUND', `run ${token.runId} does not exist`, { run_id: token.runId });
  return run;
}

/** A refused completion: bad commands fail the task; queries that travelled with it wait again. */
async function refused(h: History, run: HotRun | undefined, token: WorkflowTaskToken, error: unknown): Promise<Error> {
  if (error instanceof Dropped) return new PerdureError('STALE_TASK', 'the run was read again meanwhile; forget it and poll');
  if (run === undefined || run.dropped || !(error instanceof PerdureError)) return error as Error;
  try {
    if (error.reason === 'BAD_COMMAND') {
      const failure = failureOf('service', error.message, 'BAD_COMMAND');
      act(h, run, 'failTask', { token, cause: WorkflowTaskFailureCause.BAD_COMMAND, failure });
    }
    detachQueries(h, run, token.nonce);
    await settled(h, run);
  } catch (second) {
    return second instanceof Dropped
      ? new PerdureError('STALE_TASK', 'the run was read again meanwhile; forget it and poll')
      : (second as Error);
  }
  return error;
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
  given.activityTasks.push(buildActivityTask(h, run, claimed, given.namespace));
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
    dueAt: state.task.dueSince,
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

/** One entry per failure: undefined when taken. */
export function failWorkflowTasks(
  h: History,
  items: readonly { token: WorkflowTaskToken; cause: WorkflowTaskFailureCause; failure: Failure | undefined }[],
): Promise<(Error | undefined)[]> {
  return Promise.all(
    items.map((item) =>
      taken(async () => {
        const run = await runOf(h, item.token);
        act(h, run, 'failTask', item);
        detachQueries(h, run, item.token.nonce);
        await settled(h, run);
      }),
    ),
  );
}

/** One entry per completion: undefined when taken. */
export function completeQueries(
  h: History,
  items: readonly {
    token: WorkflowTaskToken;
    results: readonly QueryResult[];
    cause: WorkflowTaskFailureCause;
    failure: Failure | undefined;
  }[],
): Promise<(Error | undefined)[]> {
  return Promise.all(
    items.map((item) =>
      taken(async () => {
        const run = await runOf(h, item.token);
        if (item.cause !== WorkflowTaskFailureCause.UNSPECIFIED) {
          const message = `the worker could not replay run ${run.key.runId}: ${item.failure?.message ?? 'no reason given'}`;
          for (const query of run.queries.slice())
            if (query.nonce === item.token.nonce) query.reject(new PerdureError('RUN_BLOCKED', message));
          return;
        }
        const answer = answerQueries(h, run, item.token.nonce, item.results);
        await settled(h, run);
        answer();
      }),
    ),
  );
}

/** Runs one item of a batch; what it throws is its answer. */
export async function taken(body: () => Promise<void>): Promise<Error | undefined> {
  try {
    await body();
    return undefined;
  } catch (error) {
    return error instanceof Dropped
      ? new PerdureError('UNAVAILABLE', 'the run was read again meanwhile; try again', {}, 50)
      : (error as Error);
  }
}
