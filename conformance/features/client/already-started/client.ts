// Starts what has been started.
import type { Scope } from '../../../sdks/ts/scope.ts';

export async function startAgain({ client, taskQueue, workflowId }: Scope, run: string, requestId?: string): Promise<{ runId: string }> {
  const { runId } = await client.start('any', { workflowId: workflowId(run), taskQueue, ...(requestId !== undefined && { requestId }) });
  return { runId };
}
