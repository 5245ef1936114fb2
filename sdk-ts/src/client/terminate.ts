/** Terminating safely: an attempt whose answer was lost may have done it already. */
import type { Payload, WorkflowExecution } from '@perdure/proto/perdure/api/v1/common';
import { withRetry } from '../common/retry.ts';
import { retryContext, type Wire } from './wire.ts';

/** Resolves when the run is closed by this call. Rejects with the service's refusal. */
export async function terminate(wire: Wire, named: WorkflowExecution, reason: string, details: Payload[]): Promise<void> {
  const { api, namespace, identity, closed: abort } = wire;
  // Each try must mean the same run: a new one of the same id may have been started in between.
  const execution = named.runId === '' ? await currentRun(wire, named) : named;
  const request = { namespace, execution, reason, details, identity, requestId: wire.clock.newId() };
  await withRetry(retryContext(wire), () => api.terminateWorkflow(request, { abort }));
}

async function currentRun(wire: Wire, execution: WorkflowExecution): Promise<WorkflowExecution> {
  const { api, namespace, closed: abort } = wire;
  const { summary } = await withRetry(retryContext(wire), () => api.describeWorkflow({ namespace, execution }, { abort }));
  return { ...execution, runId: summary?.execution?.runId ?? '' };
}
