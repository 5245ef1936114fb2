// Sends an update and waits for its answer, whatever happens to the service.
import type { Scope } from '../../../sdks/ts/scope.ts';

export function update({ client, workflowId }: Scope, run: string, updateId: string): Promise<unknown> {
  return client.getHandle(workflowId(run)).executeUpdate('add', { updateId });
}
