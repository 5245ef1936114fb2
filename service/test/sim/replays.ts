/** Every stored history is replayed by a fresh engine: the code must ask for exactly what the log holds. */
import type { WorkflowBundle } from '@perdure/sdk/worker';
import { createInlineEngine } from '../../../sdk-ts/src/sandbox/inline.ts';
import type { WorkflowEngine } from '../../../sdk-ts/src/worker/engine.ts';
import { eventsOf, type StoredRun } from './log-of.ts';

let engine: Promise<WorkflowEngine> | undefined;

/** Problems found, one line each. */
export async function replay(bundle: WorkflowBundle, runs: readonly StoredRun[]): Promise<string[]> {
  engine ??= createInlineEngine({ bundle, namespace: 'default', taskQueue: 'sim', strict: true, log: () => {} });
  const wrong: string[] = [];
  for (const run of runs) {
    const last = eventsOf(run, 'workflowTaskCompleted').at(-1);
    const [begin] = eventsOf(run, 'workflowStarted');
    if (last === undefined || begin === undefined) continue;
    const answer = await (await engine).activate({
      token: new Uint8Array(0),
      execution: { workflowId: run.workflowId, runId: run.runId },
      workflowType: begin.value.workflowType,
      taskQueue: begin.value.taskQueue,
      attempt: 1,
      baseEventId: BigInt(last.id),
      seenEventId: last.value.seenEventId,
      startedTime: last.value.startedTime,
      historyBytes: last.value.historyBytes,
      continueAsNewSuggested: last.value.continueAsNewSuggested,
      history: run.bytes,
      historyFromEventId: 1n,
      historyNextEventId: 0n,
      queries: [],
      updates: [],
      queryOnly: true,
      taskTimeoutMs: 10_000n,
    });
    (await engine).evict(run.runId);
    if (answer.kind === 'failed') wrong.push(`run ${run.runId} of ${run.workflowId} does not replay: ${answer.failure.message}`);
    else if (answer.kind !== 'queries') wrong.push(`run ${run.runId} of ${run.workflowId} does not replay: ${answer.kind}`);
  }
  return wrong;
}
