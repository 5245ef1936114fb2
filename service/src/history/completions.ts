/** What workers answer to workflow tasks: completions, failures, query answers. */
import type { WorkerInfo } from '@perdure/proto/perdure/api/v1/common';
import type { Failure } from '@perdure/proto/perdure/api/v1/failure';
import type { QueryResult } from '@perdure/proto/perdure/api/v1/query';
import { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import type { WorkflowTaskResult } from '@perdure/proto/perdure/api/v1/worker_service';
import type { WorkflowTaskToken } from '@perdure/proto/perdure/server/v1/token';
import { failureOf } from '../core/failures.ts';
import { toItemError } from '../core/item-error.ts';
import { PerdureError } from '../errors.ts';
import type { CompletionAnswer, EagerRoom, VerifiedCompletion } from '../roles.ts';
import { act, settled } from './act.ts';
import { carriedSignals } from './chains.ts';
import type { History } from './context.ts';
import { answerIdOf, createGiven, createTaker, type Given } from './eager.ts';
import { loadRun } from './loading.ts';
import { keyOf } from './memory.ts';
import { answerQueries, detachQueries } from './queries.ts';
import { Dropped, type HotRun } from './run.ts';

/** One result per item, in order; never rejects for an item. */
export async function completeWorkflowTasks(
  h: History,
  namespace: string,
  items: readonly VerifiedCompletion[],
  worker: WorkerInfo,
  eager: EagerRoom,
): Promise<CompletionAnswer> {
  const given = createGiven(namespace, worker, eager);
  const results = await Promise.all(items.map((item) => completeOne(h, item, given)));
  return { results, answerId: answerIdOf(h, given), activityTasks: given.activityTasks };
}

async function completeOne(h: History, item: VerifiedCompletion, given: Given): Promise<WorkflowTaskResult> {
  const { token, completion } = item;
  const taker = createTaker(h, given, completion.sticky);
  let run: HotRun | undefined;
  try {
    run = await runOf(h, token);
    const signals = await carriedSignals(h, run, completion);
    const answer = answerQueries(h, run, token.nonce, completion.queryResults);
    const taken = act(h, run, 'completeTask', { token, completion, worker: given.worker, signals }, 'owed', taker.release);
    await settled(h, run);
    answer();
    return { outcome: { $case: 'ok', value: await taker.accepted(run, taken) } };
  } catch (error) {
    taker.giveUp();
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
