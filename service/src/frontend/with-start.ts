/** A signal or an update that starts its run if there is none. */
import { ConflictPolicy } from '@perdure/proto/perdure/api/v1/workflow';
import type { StartWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { badField } from '../errors.ts';
import type { StartInput } from '../roles.ts';
import type { NamespaceRow } from '../store/store.ts';
import type { Context, Frontend } from './call.ts';
import { checkItemNamespace, startInput } from './start.ts';
import { checkText } from './text.ts';
import { updateInput, updateWait } from './update.ts';
import { eventLimitOf, limitEvent, requireId } from './validate.ts';

/** SignalWithStartWorkflow and UpdateWithStartWorkflow. */
export function withStartRpcs(context: Context): Pick<Frontend, 'signalWithStartWorkflow' | 'updateWithStartWorkflow'> {
  return {
    signalWithStartWorkflow: async (request) => {
      const bytes = checkText(request);
      const namespace = await context.namespaces.find(request.namespace);
      limitEvent(bytes, { input: request.input, header: request.header }, eventLimitOf(namespace));
      const signalName = requireId('signal_name', request.signalName);
      const input = startOf(context, namespace, request, bytes);
      const { requestId, identity } = input;
      const signal = { signalName, input: request.input, header: request.header, requestId, identity };
      return context.history.signalWithStartWorkflow({ ...input, signal });
    },
    updateWithStartWorkflow: async (request, call) => {
      const bytes = checkText(request);
      const wait = updateWait(request, call);
      const namespace = await context.namespaces.find(request.namespace);
      const update = updateInput(context, namespace, request.request, bytes);
      const input = startOf(context, namespace, request, bytes);
      const answer = await context.history.updateWithStartWorkflow({ ...input, update }, wait);
      return { ...answer, updateId: update.request.updateId };
    },
  };
}

/** The start of such a request: its open run is used unless it says to terminate it. */
function startOf(
  context: Context,
  namespace: NamespaceRow,
  request: { namespace: string; start?: StartWorkflowRequest | undefined },
  bytes: number,
): StartInput {
  const { start } = request;
  if (start === undefined) throw badField('start.workflow_id', 'is required');
  checkItemNamespace(start.namespace, request.namespace);
  const input = startInput(context, namespace, start, bytes);
  if (start.conflictPolicy === ConflictPolicy.FAIL)
    throw badField('start.conflict_policy', 'FAIL does not go with a message for the open run; USE_EXISTING and TERMINATE_EXISTING do');
  return start.conflictPolicy === ConflictPolicy.UNSPECIFIED ? { ...input, conflictPolicy: ConflictPolicy.USE_EXISTING } : input;
}
