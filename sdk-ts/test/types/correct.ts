// What must compile, with the types it must have: never run.

import { Client, type ClientInterceptor } from '@perdure/sdk/client';
import { Worker } from '@perdure/sdk/worker';
import { executeActivity, proxyActivities, saga, setHandler, type WorkflowInterceptors } from '@perdure/sdk/workflow';
import { activities, approve, nudge, order, rebate, recount, sweep, total } from './shop.ts';

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
  const percent = await handle.executeUpdate(rebate, { args: ['code', 5], updateId: 'u' });
  same<typeof percent, number>(true);
  const when = await (await handle.startUpdate(recount)).result();
  same<typeof when, string>(true);
  await handle.executeUpdate('anything', { args: [1, 'two'] });
  await handle.executeUpdate<number>('anything');
  const at = { workflowId: 'e', taskQueue: 'q' };
  const started = await use.startUpdateWithStart(sweep, { ...at, update: rebate, updateArgs: ['code', 5] });
  same<Awaited<ReturnType<typeof started.result>>, number>(true);
  const signaled = await use.signalWithStart(sweep, { ...at, signal: approve, signalArgs: ['me', 2] });
  same<typeof signaled.started, boolean>(true);
  await use.signalWithStart('anything', { ...at, args: [1], signal: 'any', signalArgs: [2] });
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
  setHandler(rebate, async (code, percent) => code.length + percent, { validator: (code) => void code.length });
  setHandler(recount, () => new Date());
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
