// Does the last task of a run again.
import type { Scope } from '../../../sdks/ts/scope.ts';

export async function resetLast({ client, workflowId }: Scope, run: string, requestId: string): Promise<unknown> {
  return await (await client.getHandle(workflowId(run)).reset({ to: 'lastTask', requestId })).result();
}
