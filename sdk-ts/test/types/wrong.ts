// What must not compile. Each line below a directive is an error, or the compiler complains about the directive.

import type { Client, ClientInterceptor } from '@perdure/sdk/client';
import { Worker } from '@perdure/sdk/worker';
import { defineSignal, defineUpdate, executeActivity, proxyActivities, saga, setHandler, sleep } from '@perdure/sdk/workflow';
import { activities, approve, nudge, order, rebate, recount, sweep, total } from './shop.ts';

const placed = new Date();
const at = { workflowId: 'a', taskQueue: 'q' };

export async function starts(client: Client): Promise<void> {
  // @ts-expect-error arguments are missing
  await client.start(order, at);
  // @ts-expect-error an argument is missing
  await client.start(order, { ...at, args: [] });
  // @ts-expect-error of another type
  await client.start(order, { ...at, args: ['a'] });
  // @ts-expect-error a property of it is of another type
  await client.start(order, { ...at, args: [{ id: 5, placed, amounts: [] }] });
  // @ts-expect-error one argument too many
  await client.start(order, { ...at, args: [{ id: 'a', placed, amounts: [] }, true, 1] });
  // @ts-expect-error a workflow without parameters takes none
  await client.start(sweep, { ...at, args: [1] });
  // @ts-expect-error by name, with the function's type
  await client.start<typeof order>('order', { ...at, args: [1] });
  // @ts-expect-error no workflow id
  await client.start(sweep, { taskQueue: 'q' });
  // @ts-expect-error no task queue
  await client.start(sweep, { workflowId: 'a' });
  // @ts-expect-error no such option
  await client.start(sweep, { ...at, runTimeOut: '1m' });
  // @ts-expect-error no such policy
  await client.start(sweep, { ...at, conflictPolicy: 'ignore' });
  // @ts-expect-error an ordinary function is no workflow
  await client.start((n: number) => n, { ...at, args: [1] });
  const result = await client.execute(order, { ...at, args: [{ id: 'a', placed, amounts: [] }] });
  // @ts-expect-error a date comes back as text
  result.placed.getTime();
  // @ts-expect-error of the result, no such property
  void result.color;
}

export async function messages(client: Client): Promise<void> {
  const handle = client.getHandle<typeof order>('a');
  // @ts-expect-error arguments are missing
  await handle.signal(approve);
  // @ts-expect-error an argument is missing
  await handle.signal(approve, 'me');
  // @ts-expect-error in the wrong order
  await handle.signal(approve, 2, 'me');
  // @ts-expect-error one too many
  await handle.signal(approve, 'me', 2, 3);
  // @ts-expect-error a signal without arguments takes none
  await handle.signal(nudge, 1);
  // @ts-expect-error a query is no signal
  await handle.signal(total, 'EUR');
  // @ts-expect-error a signal is no query
  await handle.query(nudge);
  // @ts-expect-error of another type
  await handle.query(total, 5);
  // @ts-expect-error arguments are missing
  await handle.query(total);
  const sum: number = await handle.query(total, 'EUR');
  // @ts-expect-error the answer is a number
  sum.length();
}

export async function updates(client: Client): Promise<void> {
  const handle = client.getHandle<typeof order>('a');
  // @ts-expect-error arguments are missing
  await handle.executeUpdate(rebate);
  // @ts-expect-error arguments are missing, though there are options
  await handle.startUpdate(rebate, { updateId: 'u' });
  // @ts-expect-error an argument is missing
  await handle.executeUpdate(rebate, { args: ['code'] });
  // @ts-expect-error in the wrong order
  await handle.executeUpdate(rebate, { args: [5, 'code'] });
  // @ts-expect-error one too many
  await handle.startUpdate(rebate, { args: ['code', 5, true] });
  // @ts-expect-error an update without arguments takes none
  await handle.executeUpdate(recount, { args: [1] });
  // @ts-expect-error no such option
  await handle.executeUpdate(recount, { id: 'u' });
  // @ts-expect-error a signal is no update
  await handle.executeUpdate(approve, { args: ['me', 2] });
  // @ts-expect-error an update is no signal
  await handle.signal(rebate, 'code', 5);
  // @ts-expect-error an update is no query
  await handle.query(recount);
  const percent = await handle.executeUpdate(rebate, { args: ['code', 5] });
  // @ts-expect-error the answer is a number
  percent.length();
  const when = await (await handle.startUpdate(recount)).result();
  // @ts-expect-error a date comes back as text
  when.getTime();
  const start = { ...at, args: [{ id: 'a', placed, amounts: [] }] as [Parameters<typeof order>[0]] };
  // @ts-expect-error arguments of the update are missing
  await client.startUpdateWithStart(order, { ...start, update: rebate });
  // @ts-expect-error an argument of the update is missing
  await client.startUpdateWithStart(order, { ...start, update: rebate, updateArgs: ['code'] });
  // @ts-expect-error one argument of the signal too many
  await client.signalWithStart(order, { ...start, signal: approve, signalArgs: ['me', 2, 3] });
  // @ts-expect-error arguments of the start are missing
  await client.startUpdateWithStart(order, { ...at, update: recount });
  // @ts-expect-error a start that comes with an update does not fail for an open run
  await client.startUpdateWithStart(order, { ...start, update: recount, conflictPolicy: 'fail' });
  // @ts-expect-error arguments of the signal are of another type
  await client.signalWithStart(order, { ...start, signal: approve, signalArgs: ['me', 'two'] });
  // @ts-expect-error a query is no signal
  await client.signalWithStart(sweep, { ...at, signal: total });
}

export async function handlers(): Promise<void> {
  // @ts-expect-error the answer is a number
  setHandler(rebate, (code: string) => code);
  // @ts-expect-error of another type
  setHandler(rebate, (code: number) => code);
  // @ts-expect-error the validator gets what the handler gets
  setHandler(rebate, (_code, percent) => percent, { validator: (code: number) => void code });
  // @ts-expect-error signals have no validator
  setHandler(nudge, () => {}, { validator: () => {} });
  // @ts-expect-error arguments are a list
  defineUpdate<number, string>('x');
  // @ts-expect-error of another type
  setHandler(approve, (by: number) => void by);
  // @ts-expect-error more parameters than the signal has arguments
  setHandler(approve, (by: string, level: number, more: boolean) => void [by, level, more]);
  // @ts-expect-error the answer is a number
  setHandler(total, (currency) => currency);
  // @ts-expect-error a query's handler is synchronous
  setHandler(total, async (currency) => currency.length);
  // @ts-expect-error no definition
  setHandler('approve', () => {});
  // @ts-expect-error arguments are a list
  defineSignal<string>('x');
}

export async function steps(): Promise<void> {
  const proxy = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });
  // @ts-expect-error no such activity
  await proxy.chrage('a', 1);
  // @ts-expect-error what is no function is no activity
  void proxy.limit;
  // @ts-expect-error an argument is missing
  await proxy.charge('a');
  // @ts-expect-error in the wrong order
  await proxy.charge(1, 'a');
  // @ts-expect-error a promise, also when the activity is synchronous
  (proxy.round(1.5) satisfies Promise<number>).toFixed();
  // @ts-expect-error no such time-out
  proxyActivities<typeof activities>({ timeout: '1m' });
  // @ts-expect-error no such type of cancellation
  proxyActivities<typeof activities>({ startToCloseTimeout: '1m', cancellationType: 'now' });
  // @ts-expect-error of another type
  const wrong: string = await executeActivity<number>('round', { startToCloseTimeout: '1m' });
  // @ts-expect-error not a length of time
  await sleep({ minutes: 5 });
  // @ts-expect-error a compensation is a function
  await saga(async (undo) => undo.addCompensation(proxy.charge('a', -1)));
  void wrong;
}

export const interceptor: ClientInterceptor = {
  // @ts-expect-error headers are text
  signal: (input, next) => next({ ...input, headers: { trace: 5 } }),
  // @ts-expect-error the run id is text
  start: async () => 5,
};

export async function workers(): Promise<void> {
  // @ts-expect-error no task queue
  await Worker.create({ activities });
  // @ts-expect-error no such option
  await Worker.create({ taskQueue: 'q', activities, maxConcurrency: 5 });
  // @ts-expect-error an interceptor of activities has other methods
  await Worker.create({ taskQueue: 'q', activities, activityInterceptors: [{ start: () => {} }] });
}
