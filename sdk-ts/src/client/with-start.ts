/** Signals and updates that start their run if there is none. */
import type { WorkflowExecution } from '@perdure/proto/perdure/api/v1/common';
import { encodeMessage, hasCodecs } from '../common/data-converter.ts';
import { encodeValues } from '../common/payload-converter.ts';
import { withRetry } from '../common/retry.ts';
import { checkText } from '../common/text.ts';
import type { Workflow } from '../common/types.ts';
import { orClientError } from './errors.ts';
import type { SignalLike, WorkflowHandle } from './handle.ts';
import type { StartInput } from './interceptor.ts';
import { type StartOptions, startRequest, workflowTypeOf } from './start.ts';
import { createUpdateHandle, outgoingUpdate, sendUpdateWithStart, type UpdateHandle, type UpdateLike } from './update.ts';
import { retryContext, type Wire } from './wire.ts';

/** A start, used when the workflow id has no open run; conflictPolicy is 'useExisting' (default) or 'terminateExisting'. */
export type WithStart<F extends Workflow> = Omit<StartOptions<F>, 'conflictPolicy'> & {
  conflictPolicy?: 'useExisting' | 'terminateExisting';
};

/** A start and the signal that goes with it. */
export type SignalWithStartOptions<F extends Workflow, Args extends readonly unknown[]> = WithStart<F> & {
  signal: SignalLike<Args> | string;
} & ([] extends Args ? { signalArgs?: NoInfer<Args> } : { signalArgs: NoInfer<Args> });

/** A start and the update that goes with it. */
export type UpdateWithStartOptions<F extends Workflow, Result, Args extends readonly unknown[]> = WithStart<F> & {
  update: UpdateLike<Result, Args> | string;
  /** As in UpdateOptions. */
  updateId?: string;
} & ([] extends Args ? { updateArgs?: NoInfer<Args> } : { updateArgs: NoInfer<Args> });

/** The handle of a run, and whether this call started it. */
export type StartedHandle<F extends Workflow> = WorkflowHandle<F> & { readonly started: boolean };

export async function signalWithStart(
  wire: Wire,
  workflow: Workflow | string,
  options: SignalWithStartOptions<Workflow, unknown[]>,
): Promise<{ runId: string; started: boolean }> {
  const { signal, signalArgs = [] } = options;
  const signalName = typeof signal === 'string' ? signal : signal.name;
  checkText('signal', signalName);
  const start = await startRequest(wire, startOf(workflow, options));
  const input = encodeValues(wire.converter, signalArgs, `signal ${signalName}`);
  if (hasCodecs(wire.dataConverter)) await encodeMessage(wire.dataConverter, input);
  const { api, namespace, closed: abort } = wire;
  const request = { namespace, start, signalName, input, header: undefined };
  return orClientError(
    options.workflowId,
    withRetry(retryContext(wire), () => api.signalWithStartWorkflow(request, { abort })),
  );
}

export async function updateWithStart<Result>(
  wire: Wire,
  workflow: Workflow | string,
  options: UpdateWithStartOptions<Workflow, Result, unknown[]>,
): Promise<UpdateHandle<Result> & { readonly started: boolean }> {
  const { update, updateId, updateArgs } = options;
  const outgoing = await outgoingUpdate(wire, update, {
    ...(updateId === undefined ? {} : { updateId }),
    ...(updateArgs === undefined ? {} : { args: updateArgs }),
  });
  const start = await startRequest(wire, startOf(workflow, options));
  const progress = await sendUpdateWithStart(wire, start, outgoing);
  const execution: WorkflowExecution = { workflowId: options.workflowId, runId: progress.runId };
  const handle = createUpdateHandle<Result>(wire, execution, outgoing.request.updateId, progress);
  if (progress.outcome?.outcome?.$case === 'rejection') await handle.result();
  return { ...handle, started: progress.started };
}

function startOf(workflow: Workflow | string, options: object): StartInput {
  const start = { conflictPolicy: 'useExisting', ...options } as StartOptions;
  return { workflowType: workflowTypeOf(workflow), options: start, headers: {} };
}
