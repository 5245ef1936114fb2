/** Workers waiting for tasks, and saying that they stop. */
import type { PollActivityTasksRequest, PollWorkflowTasksRequest } from '@perdure/proto/perdure/api/v1/worker_service';
import { MAX_BATCH_ITEMS } from '../core/limits.ts';
import { tooLarge } from '../errors.ts';
import type { PollInput } from '../roles.ts';
import type { Context, Frontend } from './call.ts';
import { checkText } from './text.ts';
import { countOf, requireId, requireWorker, waitMsOf } from './validate.ts';

type PollRpcs = Pick<Frontend, 'pollWorkflowTasks' | 'pollActivityTasks' | 'shutdownWorker'>;

/** The polls and ShutdownWorker. */
export function pollRpcs(context: Context): PollRpcs {
  return {
    pollWorkflowTasks: async (request, call) => {
      const input = await pollInput(context, request, request.stickyOnly);
      return context.matching.pollWorkflowTasks(input, call.abort);
    },
    pollActivityTasks: async (request, call) => {
      const input = await pollInput(context, request, false);
      return context.matching.pollActivityTasks(input, call.abort);
    },
    shutdownWorker: async (request) => {
      checkText(request);
      const worker = requireWorker(request.worker);
      const queue = requireId('task_queue', request.taskQueue);
      const { namespaceId } = await context.namespaces.find(request.namespace);
      context.matching.shutdownWorker(namespaceId, queue, worker.workerId);
      return {};
    },
  };
}

/** Takes note of answers that arrived. Do it before anything can be refused: they arrived all the same. */
export function noteReceived(context: Context, answerIds: readonly string[]): void {
  if (answerIds.length > MAX_BATCH_ITEMS) throw tooLarge('received_answer_ids', answerIds.length, MAX_BATCH_ITEMS, 'items');
  if (answerIds.length > 0) context.matching.received(answerIds);
}

async function pollInput(
  context: Context,
  request: PollWorkflowTasksRequest | PollActivityTasksRequest,
  stickyOnly: boolean,
): Promise<PollInput> {
  noteReceived(context, request.receivedAnswerIds);
  checkText(request);
  const worker = requireWorker(request.worker);
  const queue = requireId('task_queue', request.taskQueue);
  const maxTasks = countOf('max_tasks', request.maxTasks, 1, MAX_BATCH_ITEMS);
  const waitMs = waitMsOf(request.waitTimeout);
  const { namespaceId, name } = await context.namespaces.find(request.namespace);
  return { namespaceId, namespace: name, queue, worker, maxTasks, waitMs, stickyOnly };
}
