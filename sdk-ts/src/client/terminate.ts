/** Ends a run, such that trying again after a lost answer neither ends another run nor reports a success as a refusal. */
import type { Payload, WorkflowExecution } from '@perdure/proto/perdure/api/v1/common';
import { durationToProto } from '../common/duration.ts';
import { withRetry } from '../common/retry.ts';
import { refusalOf } from '../common/service-error.ts';
import { retryContext, type Wire } from './wire.ts';

/** The closing event of a closed run is answered at once. */
const WAIT = durationToProto('1s', 'wait');

/** Resolves when the run is closed by this call. Rejects with the service's refusal. */
export async function terminate(wire: Wire, named: WorkflowExecution, reason: string, details: Payload[]): Promise<void> {
  const { api, namespace, identity, closed: abort } = wire;
  // Each try must mean the same run: a new one of the same id may have been started in between.
  const execution = named.runId === '' ? await currentRun(wire, named) : named;
  let triedBefore = false;
  const onFailure = (): void => {
    triedBefore = true;
  };
  try {
    await withRetry({ ...retryContext(wire), onFailure }, () =>
      api.terminateWorkflow({ namespace, execution, reason, details, identity }, { abort }),
    );
  } catch (error) {
    const closed = refusalOf(error)?.reason === 'WORKFLOW_CLOSED';
    if (!(closed && triedBefore && (await endedSo(wire, execution, reason)))) throw error;
  }
}

async function currentRun(wire: Wire, execution: WorkflowExecution): Promise<WorkflowExecution> {
  const { api, namespace, closed: abort } = wire;
  const { summary } = await withRetry(retryContext(wire), () => api.describeWorkflow({ namespace, execution }, { abort }));
  return { ...execution, runId: summary?.execution?.runId ?? '' };
}

/** Whether the run was terminated just so: then an earlier try did it, and its answer was lost. */
async function endedSo(wire: Wire, execution: WorkflowExecution, reason: string): Promise<boolean> {
  const { api, namespace, identity, closed: abort } = wire;
  const request = { namespace, executions: [execution], waitTimeout: WAIT, thisRunOnly: false };
  try {
    const { results } = await withRetry(retryContext(wire), () => api.awaitWorkflowResults(request, { abort }));
    const outcome = results[0]?.outcome;
    const end = outcome?.$case === 'closeEvent' ? outcome.value.attributes : undefined;
    return end?.$case === 'workflowTerminated' && end.value.reason === reason && end.value.identity === identity;
  } catch {
    // Not known: the refusal stands.
    return false;
  }
}
