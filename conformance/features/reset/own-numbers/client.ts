// Resets a run and asks what became of it.
import type { Scope } from '../../../sdks/ts/scope.ts';

export async function resetToEvent({ client, workflowId }: Scope, run: string, eventId: number, requestId: string): Promise<string> {
  const fork = await client.getHandle(workflowId(run)).reset({ to: { eventId }, requestId, reason: 'on purpose' });
  return fork.runId;
}
