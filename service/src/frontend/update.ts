/** Updates: sent to a run, or awaited. */
import { type UpdateRequest, UpdateStage } from '@perdure/proto/perdure/api/v1/update';
import { MAX_ID_BYTES } from '../core/limits.ts';
import { badField } from '../errors.ts';
import type { UpdateInput, UpdateWait } from '../roles.ts';
import type { NamespaceRow } from '../store/store.ts';
import type { Call, Context, Frontend } from './call.ts';
import { checkText } from './text.ts';
import { boundText, enumOf, eventLimitOf, limitEvent, requireExecution, requireId, waitMsOf } from './validate.ts';

/** UpdateWorkflow and AwaitWorkflowUpdate. */
export function updateRpcs(context: Context): Pick<Frontend, 'updateWorkflow' | 'awaitWorkflowUpdate'> {
  return {
    updateWorkflow: async (request, call) => {
      const bytes = checkText(request);
      const wait = updateWait(request, call);
      const namespace = await context.namespaces.find(request.namespace);
      const input = updateInput(context, namespace, request.request, bytes);
      const ref = { namespaceId: namespace.namespaceId, ...requireExecution(request.execution) };
      const answer = await context.history.updateWorkflow(ref, input, wait);
      return { ...answer, updateId: input.request.updateId };
    },
    awaitWorkflowUpdate: async (request, call) => {
      checkText(request);
      const updateId = requireId('update_id', request.updateId);
      const wait = updateWait(request, call);
      const { namespaceId } = await context.namespaces.find(request.namespace);
      return context.history.awaitUpdate({ namespaceId, ...requireExecution(request.execution) }, updateId, wait);
    },
  };
}

/** The validated update. `bytes` is what the whole request weighs. */
export function updateInput(context: Context, namespace: NamespaceRow, request: UpdateRequest | undefined, bytes: number): UpdateInput {
  if (request === undefined) throw badField('request.update_name', 'is required');
  limitEvent(bytes, { args: request.args, header: request.header }, eventLimitOf(namespace));
  requireId('request.update_name', request.updateName);
  boundText('request.identity', request.identity);
  const updateId = request.updateId === '' ? context.env.newId() : boundText('request.update_id', request.updateId, MAX_ID_BYTES);
  return { request: { ...request, updateId }, bytes };
}

export function updateWait(request: { waitStage: number; waitTimeout: Parameters<typeof waitMsOf>[0] }, call: Call): UpdateWait {
  const stage = enumOf<UpdateStage>('wait_stage', request.waitStage, UpdateStage, UpdateStage.COMPLETED);
  if (stage === UpdateStage.ADMITTED) throw badField('wait_stage', 'ADMITTED is no stage to wait for; ACCEPTED and COMPLETED are');
  return { stage, waitMs: waitMsOf(request.waitTimeout), abort: call.abort };
}
