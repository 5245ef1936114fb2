/** How workflow tasks ended: completed, failed, or queries answered. */
import { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import type { WorkflowTaskCompletion, WorkflowTaskResult } from '@perdure/proto/perdure/api/v1/worker_service';
import type { WorkflowTaskToken } from '@perdure/proto/perdure/server/v1/token';
import { MAX_BATCH_ITEMS } from '../core/limits.ts';
import { badField, type PerdureError, tooLarge } from '../errors.ts';
import type { EagerRoom, HistoryRole, VerifiedCompletion } from '../roles.ts';
import type { NamespaceRow } from '../store/store.ts';
import type { Context, Frontend } from './call.ts';
import { checkCommands } from './commands.ts';
import { toItemError, toPerdureError } from './item-error.ts';
import { handOn, merge, passed, verifyEach, workflowToken } from './items.ts';
import { noteReceived } from './polls.ts';
import { findBadText } from './text.ts';
import { checkItemText, enumOf, limitPart, openBatch, requireId, requireWorker, type Weighed } from './validate.ts';

type CompletionRpcs = Pick<Frontend, 'completeWorkflowTasks' | 'failWorkflowTasks' | 'completeQueries'>;
type Request = Parameters<Frontend['completeWorkflowTasks']>[0];
type TaskFailures = Parameters<HistoryRole['failWorkflowTasks']>[0];

/** The answers of workers to workflow tasks. */
export function completionRpcs(context: Context): CompletionRpcs {
  return {
    completeWorkflowTasks: (request, call) => complete(context, request, call.abort),
    failWorkflowTasks: async (request) => {
      const items = openBatch(request, 'failures');
      const worker = requireWorker(request.worker);
      const namespace = await context.namespaces.find(request.namespace);
      const verified = verifyEach(context, items, (weighed) => {
        const { item } = weighed;
        checkItemText(weighed);
        limitPart('failure', item.failure, weighed.bytes);
        return { token: workflowToken(context, namespace, item.token), cause: causeOf(item.cause), failure: item.failure };
      });
      return { errors: await handOn(context, verified, (good) => context.history.failWorkflowTasks(good, worker)) };
    },
    completeQueries: async (request) => {
      const items = openBatch(request, 'completions');
      const worker = requireWorker(request.worker);
      const namespace = await context.namespaces.find(request.namespace);
      const verified = verifyEach(context, items, (weighed) => {
        const { item } = weighed;
        checkItemText(weighed);
        limitPart('failure', item.failure, weighed.bytes);
        checkQueryResults(item.queryResults, weighed.bytes);
        const token = workflowToken(context, namespace, item.token);
        return { token, results: item.queryResults, cause: causeOf(item.cause), failure: item.failure };
      });
      return { errors: await handOn(context, verified, (good) => context.history.completeQueries(good, worker)) };
    },
  };
}

async function complete(context: Context, request: Request, abort: AbortSignal): ReturnType<Frontend['completeWorkflowTasks']> {
  noteReceived(context, request.receivedAnswerIds);
  const items = openBatch(request, 'completions');
  const worker = requireWorker(request.worker);
  const eager = eagerRoom(request);
  const namespace = await context.namespaces.find(request.namespace);
  const broken: TaskFailures[number][] = [];
  const verified = verifyEach(context, items, (weighed): VerifiedCompletion => {
    const token = workflowToken(context, namespace, weighed.item.token);
    try {
      checkCompletion(weighed, namespace);
    } catch (error) {
      // A search attribute that was not known may just have been declared: the next try sees it.
      context.namespaces.doubt(namespace.name);
      broken.push(taskFailure(token, toPerdureError(error, context)));
      throw error;
    }
    return { token, completion: weighed.item };
  });
  // The run must show why it does not get on. When that fails, its task times out; the worker hears it in any case.
  const recorded = broken.length === 0 ? undefined : context.history.failWorkflowTasks(broken, worker).catch(() => undefined);
  const good = passed(verified);
  const answer = good.length === 0 ? undefined : await context.history.completeWorkflowTasks(namespace.name, good, worker, eager);
  await recorded;
  const answerId = answer?.answerId ?? '';
  if (abort.aborted && answerId !== '') context.matching.undelivered(answerId);
  const refused = (error: PerdureError): WorkflowTaskResult => ({ outcome: { $case: 'error', value: toItemError(error) } });
  return { results: merge(verified, answer?.results ?? [], refused), answerId, activityTasks: answer?.activityTasks ?? [] };
}

/** Room for tasks that come in the answer. */
export function eagerRoom(request: Pick<Request, 'eagerActivitySlots' | 'eagerActivityQueues'>): EagerRoom {
  const slots = request.eagerActivitySlots;
  if (slots < 0) throw badField('eager_activity_slots', `${slots} is negative`);
  const queues = request.eagerActivityQueues;
  if (queues.length > MAX_BATCH_ITEMS) throw tooLarge('eager_activity_queues', queues.length, MAX_BATCH_ITEMS, 'items');
  for (const [index, queue] of queues.entries()) requireId(`eager_activity_queues[${index}]`, queue);
  return { slots: Math.min(slots, MAX_BATCH_ITEMS), queues };
}

/** Throws what is wrong with a completion, whatever its token. */
export function checkCompletion({ item, bytes }: Weighed<WorkflowTaskCompletion>, namespace: NamespaceRow): void {
  if (Number.isNaN(bytes)) {
    const bad = findBadText({ ...item, commands: [] }, '');
    if (bad !== undefined) throw badField(bad.path, bad.problem);
  }
  checkCommands(item.commands, bytes, namespace);
  checkQueryResults(item.queryResults, bytes);
  for (const [index, rejection] of item.rejectedUpdates.entries()) limitPart(`rejected_updates[${index}]`, rejection, bytes);
  for (const name of Object.keys(item.variables)) requireId('variables', name);
}

function checkQueryResults(results: WorkflowTaskCompletion['queryResults'], bytes: number): void {
  for (const [index, result] of results.entries()) {
    requireId(`query_results[${index}].query_id`, result.queryId);
    limitPart(`query_results[${index}]`, result, bytes);
  }
}

function causeOf(cause: number): WorkflowTaskFailureCause {
  return enumOf('cause', cause, WorkflowTaskFailureCause, WorkflowTaskFailureCause.UNSPECIFIED);
}

function taskFailure(token: WorkflowTaskToken, error: PerdureError): TaskFailures[number] {
  const cause = error.metadata.limit === undefined ? WorkflowTaskFailureCause.BAD_COMMAND : WorkflowTaskFailureCause.TOO_LARGE;
  const info = { $case: 'service' as const, value: { reason: error.reason, nonRetryable: false } };
  return {
    token,
    cause,
    failure: { message: error.message, stackTrace: '', source: 'service', cause: undefined, encodedAttributes: undefined, info },
  };
}
