// Every way to send an update.
import type { Scope } from '../../../sdks/ts/scope.ts';
import { add, clientUpdates, put, sum } from './workflows.ts';

export function execute({ client, workflowId }: Scope, run: string, amount: number): Promise<number> {
  return client.getHandle(workflowId(run)).executeUpdate(add, { args: [amount] });
}

export async function startAndAwait({ client, workflowId }: Scope, run: string, amount: number): Promise<object> {
  const update = await client.getHandle(workflowId(run)).startUpdate(add, { args: [amount], updateId: 'by-id' });
  const other = client.getHandle(update.workflowId, update.runId).getUpdateHandle<number>('by-id');
  const result = await other.result();
  return { accepted: result === (await update.result()), result };
}

export async function withStart({ client, taskQueue, workflowId }: Scope, run: string, amount: number): Promise<object> {
  const start = { workflowId: workflowId(run), taskQueue };
  const options = { ...start, update: add, updateArgs: [amount] as [number], updateId: 'first' };
  const update = await client.startUpdateWithStart(clientUpdates, options);
  const again = await client.startUpdateWithStart(clientUpdates, options);
  const handle = await client.signalWithStart(clientUpdates, { ...start, signal: put, signalArgs: [5] });
  const total = await handle.executeUpdate(sum);
  await handle.terminate();
  return {
    first: await update.result(),
    started: update.started,
    again: await again.result(),
    startedAgain: again.started,
    signaled: handle.started,
    sum: total,
  };
}
