/** Deletion of a run on request: marked in its log, then purged as if its time were over. */
import type { DeleteInput } from '../core/deletion.ts';
import { PerdureError } from '../errors.ts';
import type { RunRef } from '../roles.ts';
import { act, settled } from './act.ts';
import type { History } from './context.ts';
import { admit } from './lane.ts';
import { purgeIfOver } from './purge.ts';
import { routed, wantedRun } from './requests.ts';

/** The run that was deleted; '' when there is none, or no longer. */
export function deleteWorkflow(h: History, ref: RunRef, input: DeleteInput): Promise<{ runId: string }> {
  return routed(h, async () => {
    try {
      const run = await wantedRun(h, ref);
      const { runId, workflowId, namespaceId } = run.key;
      admit(h, 'request');
      act(h, run, 'delete', input, 'request');
      await settled(h, run);
      h.log('info', 'a run was deleted on request', { namespaceId, workflowId, runId, ...input });
      if (!run.dropped && run.state.effects?.size !== undefined && run.state.effects.size > 0) return { runId };
      if (!run.dropped) purgeIfOver(h, run);
      return { runId };
    } catch (error) {
      if (error instanceof PerdureError && error.reason === 'WORKFLOW_NOT_FOUND') return { runId: '' };
      throw error;
    }
  });
}
