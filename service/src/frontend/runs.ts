/** What is asked of, or done to, one run; and waiting for many. */
import { QueryRejectCondition, type WorkflowResult } from '@perdure/proto/perdure/api/v1/workflow_service';
import { MAX_AWAITED_RUNS, MAX_PAGE_BYTES, QUERY_WAIT_MS } from '../core/limits.ts';
import { badField, tooLarge } from '../errors.ts';
import type { PauseInput, RunRef } from '../roles.ts';
import type { Context, Frontend } from './call.ts';
import { toItemError, toPerdureError } from './item-error.ts';
import { checkText } from './text.ts';
import { boundText, countOf, enumOf, eventLimitOf, limitEvent, requestIdOf, requireExecution, requireId, waitMsOf } from './validate.ts';

type RunRpcs = Pick<
  Frontend,
  | 'queryWorkflow'
  | 'requestCancelWorkflow'
  | 'terminateWorkflow'
  | 'deleteWorkflow'
  | 'pauseWorkflow'
  | 'resumeWorkflow'
  | 'describeWorkflow'
  | 'getWorkflowHistory'
  | 'awaitWorkflowResults'
>;

/** The calls that name runs which exist. */
export function runRpcs(context: Context): RunRpcs {
  const find = async (request: Parameters<Frontend['describeWorkflow']>[0]): Promise<RunRef> => {
    const namespace = await context.namespaces.find(request.namespace);
    return { namespaceId: namespace.namespaceId, ...requireExecution(request.execution) };
  };
  return {
    queryWorkflow: async (request) => {
      limitEvent(checkText(request), { args: request.args, header: request.header });
      const ref = await find(request);
      const rejectCondition = enumOf('reject_condition', request.rejectCondition, QueryRejectCondition, QueryRejectCondition.UNSPECIFIED);
      const { args, header, followRuns } = request;
      const input = { queryType: requireId('query_type', request.queryType), args, header, followRuns, rejectCondition };
      return { outcome: await context.history.queryWorkflow(ref, input, QUERY_WAIT_MS) };
    },
    requestCancelWorkflow: async (request) => {
      checkText(request);
      const ref = await find(request);
      await context.history.requestCancelWorkflow(ref, {
        reason: boundText('reason', request.reason),
        identity: boundText('identity', request.identity),
        requestId: requestIdOf(context.env, request.requestId),
      });
      return {};
    },
    terminateWorkflow: async (request) => {
      const bytes = checkText(request);
      const ref = await find(request);
      limitEvent(bytes, { details: request.details }, eventLimitOf(await context.namespaces.find(request.namespace)));
      await context.history.terminateWorkflow(ref, {
        reason: boundText('reason', request.reason),
        details: request.details,
        identity: boundText('identity', request.identity),
        requestId: request.requestId === '' ? '' : requestIdOf(context.env, request.requestId),
      });
      return {};
    },
    deleteWorkflow: async (request) => {
      checkText(request);
      const input = { reason: boundText('reason', request.reason), identity: boundText('identity', request.identity) };
      return context.history.deleteWorkflow(await find(request), input);
    },
    pauseWorkflow: async (request) => {
      checkText(request);
      return context.history.pauseWorkflow(await find(request), holdOf(context, request));
    },
    resumeWorkflow: async (request) => {
      checkText(request);
      return context.history.resumeWorkflow(await find(request), holdOf(context, request));
    },
    describeWorkflow: async (request) => {
      checkText(request);
      return context.history.describeWorkflow(await find(request));
    },
    getWorkflowHistory: async (request, call) => {
      checkText(request);
      const from = eventIdOf('from_event_id', request.fromEventId, 1);
      const to = eventIdOf('to_event_id', request.toEventId, Number.MAX_SAFE_INTEGER);
      if (to < from) throw badField('to_event_id', `${to} lies before from_event_id ${from}`);
      const maxBytes = countOf('max_bytes', Math.min(request.maxBytes, MAX_PAGE_BYTES), MAX_PAGE_BYTES, MAX_PAGE_BYTES);
      const waitMs = waitMsOf(request.waitTimeout);
      const ref = await find(request);
      return context.history.getHistory(ref, { from, to, maxBytes, waitMs: request.wait ? waitMs : 0 }, call.abort);
    },
    awaitWorkflowResults: (request, call) => awaitResults(context, request, call.abort),
  };
}

function holdOf(context: Context, request: PauseInput): PauseInput {
  return {
    reason: boundText('reason', request.reason),
    identity: boundText('identity', request.identity),
    requestId: requestIdOf(context.env, request.requestId),
  };
}

async function awaitResults(
  context: Context,
  request: Parameters<Frontend['awaitWorkflowResults']>[0],
  abort: AbortSignal,
): ReturnType<Frontend['awaitWorkflowResults']> {
  const { executions } = request;
  checkText({ ...request, executions: [] });
  if (executions.length > MAX_AWAITED_RUNS) throw tooLarge('executions', executions.length, MAX_AWAITED_RUNS, 'items');
  const waitMs = waitMsOf(request.waitTimeout);
  const { namespaceId } = await context.namespaces.find(request.namespace);
  const refs: RunRef[] = [];
  const refused: WorkflowResult[] = [];
  for (const [index, execution] of executions.entries()) {
    try {
      const field = `executions[${index}]`;
      checkText(execution, field);
      refs.push({ namespaceId, ...requireExecution(execution, field) });
    } catch (error) {
      const value = toItemError(toPerdureError(error, context));
      refused.push({ index, runId: execution.runId.toWellFormed(), status: 0, outcome: { $case: 'error', value } });
    }
  }
  // A refusal is news, and news end the wait.
  if (refused.length > 0 || refs.length === 0) return { results: refused };
  return { results: await context.history.awaitResults(refs, { waitMs, thisRunOnly: request.thisRunOnly }, abort) };
}

function eventIdOf(field: string, id: bigint, ifZero: number): number {
  if (id < 0n || id > BigInt(Number.MAX_SAFE_INTEGER)) throw badField(field, `${id} is no event id`);
  return id === 0n ? ifZero : Number(id);
}
