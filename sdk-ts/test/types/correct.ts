// What must compile, with the types it must have: never run.

import { Client, type ClientInterceptor } from '@perdure/sdk/client';
import { Worker } from '@perdure/sdk/worker';
import { executeActivity, proxyActivities, saga, setHandler, type WorkflowInterceptors } from '@perdure/sdk/workflow';
import { activities, approve, nudge, order, sweep, total } from './shop.ts';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

export async function client(): Promise<void> {
  const use = new Client();
  const handle = await use.start(order, { workflowId: 'a', taskQueue: 'q', args: [{ id: 'a', placed: new Date(), amounts: [1] }] });
  const result = await handle.result();
  // A date is text after its way through JSON.
  same<typeof result, { id: string; placed: string; amounts: number[] }>(true);
  await handle.signal(approve, 'me', 2);
  await handle.signal(nudge);
  const sum = await handle.query(total, 'EUR');
  same<typeof sum, number>(true);
  await use.start(sweep, { workflowId: 'b', taskQueue: 'q' });
  const byName = await use.start<typeof order>('order', {
    workflowId: 'c',
    taskQueue: 'q',
    args: [{ id: 'a', placed: new Date(), amounts: [] }, true],
  });
  same<Awaited<ReturnType<typeof byName.result>>, { id: string; placed: string; amounts: number[] }>(true);
  await use.start('anything', { workflowId: 'd', taskQueue: 'q', args: [1, 'two'] });
  await use.getHandle<typeof order>('a').result();
}

export async function workflow(): Promise<void> {
  const { charge, round } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });
  const receipt = await charge('a', 1);
  same<typeof receipt, { receipt: string }>(true);
  same<ReturnType<typeof round>, Promise<number>>(true);
  setHandler(approve, (by, level) => void [by.length, level.toFixed()]);
  setHandler(total, (currency) => currency.length);
  const sum = await executeActivity<number>('round', { startToCloseTimeout: 1_000, args: [1] });
  same<typeof sum, number>(true);
  const made = await saga(async (undo) => {
    undo.addCompensation(() => charge('a', -1));
    return 5;
  });
  same<typeof made, number>(true);
}

export const clientInterceptor: ClientInterceptor = { signal: (input, next) => next({ ...input, headers: { trace: input.signalName } }) };
export const workflowInterceptors: WorkflowInterceptors = {
  inbound: { execute: async (input, next) => await next({ ...input, args: [...input.args] }) },
};
export const worker: Promise<Worker> = Worker.create({ taskQueue: 'q', activities });
