/** Starting runs, one or many. */

import type { RetryPolicy } from '@perdure/proto/perdure/api/v1/common';
import { ConflictPolicy, ReusePolicy } from '@perdure/proto/perdure/api/v1/workflow';
import type { StartWorkflowRequest, StartWorkflowsResult } from '@perdure/proto/perdure/api/v1/workflow_service';
import { parseCron } from '../core/cron.ts';
import { DEFAULT_TASK_TIMEOUT_MS, MAX_ID_BYTES, MAX_MEMO_BYTES, MAX_TASK_TIMEOUT_MS } from '../core/limits.ts';
import { retryProblem } from '../core/retry.ts';
import { badField, tooLarge } from '../errors.ts';
import type { StartInput } from '../roles.ts';
import type { NamespaceRow } from '../store/store.ts';
import type { Context, Frontend } from './call.ts';
import { toItemError, toPerdureError } from './item-error.ts';
import { checkSearchAttributes, declares } from './search-attributes.ts';
import { checkText, weigh } from './text.ts';
import { boundText, checkItemText, durationMs, enumOf, eventLimitOf, limitEvent, openBatch, requestIdOf, requireId } from './validate.ts';

/** StartWorkflow and StartWorkflows. */
export function startRpcs(context: Context): Pick<Frontend, 'startWorkflow' | 'startWorkflows'> {
  return {
    startWorkflow: async (request) => {
      const bytes = checkText(request);
      const namespace = await namespaceFor(context, request.namespace, request);
      return context.history.startWorkflow(startInput(context, namespace, request, bytes));
    },
    startWorkflows: async (request) => {
      const items = openBatch(request, 'items');
      const namespace = await context.namespaces.find(request.namespace);
      const start = async (weighed: (typeof items)[number]): Promise<StartWorkflowsResult> => {
        try {
          checkItemText(weighed);
          checkItemNamespace(weighed.item.namespace, request.namespace);
          const row = declares(namespace, weighed.item) ? namespace : await namespaceFor(context, request.namespace, weighed.item);
          const value = await context.history.startWorkflow(startInput(context, row, weighed.item, weighed.bytes));
          return { outcome: { $case: 'ok', value } };
        } catch (error) {
          return { outcome: { $case: 'error', value: toItemError(toPerdureError(error, context)) } };
        }
      };
      return { results: await Promise.all(items.map(start)) };
    },
  };
}

/** The namespace, read again when it does not declare all that the start sets: that may just have been done. */
async function namespaceFor(context: Context, name: string, request: StartWorkflowRequest): Promise<NamespaceRow> {
  const namespace = await context.namespaces.find(name);
  return declares(namespace, request) ? namespace : context.namespaces.findFresh(name);
}

/** Items may repeat the namespace of their batch, but not name another. */
export function checkItemNamespace(item: string, batch: string): void {
  if (item !== '' && item !== batch) throw badField('namespace', `${JSON.stringify(item)} is not the namespace of the batch`);
}

/** Checks the policy of a whole run. */
function retryPolicyOf(policy: RetryPolicy | undefined): RetryPolicy | undefined {
  if (policy === undefined) return undefined;
  durationMs('retry_policy.initial_interval', policy.initialInterval);
  durationMs('retry_policy.maximum_interval', policy.maximumInterval);
  const problem = retryProblem(policy);
  if (problem === undefined) return policy;
  const [field = '', ...rest] = problem.split(': ');
  throw badField(field, rest.join(': '));
}

function cronOf(schedule: string): string {
  const text = boundText('cron_schedule', schedule.trim(), MAX_ID_BYTES);
  if (text !== '') parseCron(text);
  return text;
}

/** The validated start. */
export function startInput(context: Context, namespace: NamespaceRow, request: StartWorkflowRequest, bytes: number): StartInput {
  const memoBytes = bytes > MAX_MEMO_BYTES ? weigh({ memo: request.memo }) : 0;
  if (memoBytes > MAX_MEMO_BYTES) throw tooLarge('memo', memoBytes, MAX_MEMO_BYTES);
  limitEvent(bytes, { input: request.input, header: request.header, memo: request.memo }, eventLimitOf(namespace));
  checkSearchAttributes('search_attributes', request.searchAttributes, namespace, false);
  return {
    namespaceId: namespace.namespaceId,
    retentionMs: namespace.retentionMs,
    workflowId: requireId('workflow_id', request.workflowId),
    workflowType: requireId('workflow_type', request.workflowType),
    taskQueue: requireId('task_queue', request.taskQueue),
    input: request.input,
    header: request.header,
    requestId: requestIdOf(context.env, request.requestId),
    identity: boundText('identity', request.identity),
    conflictPolicy: enumOf('conflict_policy', request.conflictPolicy, ConflictPolicy, ConflictPolicy.FAIL),
    reusePolicy: enumOf('reuse_policy', request.reusePolicy, ReusePolicy, ReusePolicy.ALLOW),
    runTimeoutMs: durationMs('run_timeout', request.runTimeout),
    executionTimeoutMs: durationMs('execution_timeout', request.executionTimeout),
    taskTimeoutMs: durationMs('task_timeout', request.taskTimeout, MAX_TASK_TIMEOUT_MS) || DEFAULT_TASK_TIMEOUT_MS,
    startDelayMs: durationMs('start_delay', request.startDelay),
    retryPolicy: retryPolicyOf(request.retryPolicy),
    cronSchedule: cronOf(request.cronSchedule),
    memo: request.memo,
    searchAttributes: request.searchAttributes,
  };
}
