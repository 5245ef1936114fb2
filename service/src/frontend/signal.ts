/** Signals, one or many. */
import type { SignalWorkflowRequest, SignalWorkflowsResult } from '@perdure/proto/perdure/api/v1/workflow_service';
import type { RunRef, SignalInput } from '../roles.ts';
import type { NamespaceRow } from '../store/store.ts';
import type { Context, Frontend } from './call.ts';
import { toItemError, toPerdureError } from './item-error.ts';
import { checkItemNamespace } from './start.ts';
import { checkText } from './text.ts';
import { boundText, checkItemText, eventLimitOf, limitEvent, openBatch, requestIdOf, requireExecution, requireId } from './validate.ts';

/** SignalWorkflow and SignalWorkflows. */
export function signalRpcs(context: Context): Pick<Frontend, 'signalWorkflow' | 'signalWorkflows'> {
  return {
    signalWorkflow: async (request) => {
      const bytes = checkText(request);
      const namespace = await context.namespaces.find(request.namespace);
      return signal(context, namespace, request, bytes);
    },
    signalWorkflows: async (request) => {
      const items = openBatch(request, 'items');
      const namespace = await context.namespaces.find(request.namespace);
      // All are handed over in one turn, in order: history keeps that order within each run.
      const one = async (weighed: (typeof items)[number]): Promise<SignalWorkflowsResult> => {
        try {
          checkItemText(weighed);
          checkItemNamespace(weighed.item.namespace, request.namespace);
          return { outcome: { $case: 'ok', value: await signal(context, namespace, weighed.item, weighed.bytes) } };
        } catch (error) {
          return { outcome: { $case: 'error', value: toItemError(toPerdureError(error, context)) } };
        }
      };
      return { results: await Promise.all(items.map(one)) };
    },
  };
}

function signal(context: Context, namespace: NamespaceRow, request: SignalWorkflowRequest, bytes: number): Promise<{ runId: string }> {
  limitEvent(bytes, { input: request.input, header: request.header }, eventLimitOf(namespace));
  const ref: RunRef = { namespaceId: namespace.namespaceId, ...requireExecution(request.execution) };
  const input: SignalInput = {
    signalName: requireId('signal_name', request.signalName),
    input: request.input,
    header: request.header,
    requestId: requestIdOf(context.env, request.requestId),
    identity: boundText('identity', request.identity),
  };
  return context.history.signalWorkflow(ref, input);
}
