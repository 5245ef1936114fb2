// Holds a run and lets it go on.
import type { Scope } from '../../../sdks/ts/scope.ts';

export async function pauseAndSignal({ client, workflowId }: Scope, run: string): Promise<unknown> {
  const handle = client.getHandle(workflowId(run));
  await handle.pause('maintenance');
  await handle.signal('go');
  const { status, paused } = await handle.describe();
  return { status, reason: paused?.reason, handled: await handle.query('handled') };
}

export async function resume({ client, workflowId }: Scope, run: string): Promise<unknown> {
  const handle = client.getHandle(workflowId(run));
  await handle.resume();
  return await handle.result();
}
