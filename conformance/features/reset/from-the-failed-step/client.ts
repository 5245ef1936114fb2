// Forks a run from its failed step and waits for the end.
import type { Scope } from '../../../sdks/ts/scope.ts';

export async function forkFailed({ client, workflowId }: Scope, run: string, requestId: string): Promise<unknown> {
  const fork = await client.getHandle(workflowId(run)).fork({ requestId, reason: 'the hotel has room again' });
  const result = await fork.result();
  const { forked } = await fork.describe();
  return { result, reason: forked?.reason };
}
