// Sends signals without waiting in between.
import type { Scope } from '../../../sdks/ts/scope.ts';

export async function inOrderSend({ client, workflowId }: Scope, run: string, first: number, count: number): Promise<void> {
  const handle = client.getHandle(workflowId(run));
  await Promise.all(Array.from({ length: count }, (_, index) => handle.signal('number', first + index)));
}
