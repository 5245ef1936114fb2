/** Code with its errors, and the first version of what after.ts changes. */
import { defineQuery, proxyActivities, setHandler, sleep } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { echo } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });
export const where = defineQuery<string>('where');

/** Neither an ApplicationFailure nor a failure of a step: an error of the code. */
export async function buggy(order: { total?: { cents: number } }): Promise<number> {
  setHandler(where, () => 'before');
  await echo(1);
  return (order.total as { cents: number }).cents;
}

export async function changing(): Promise<string> {
  setHandler(where, () => 'before');
  await echo(1);
  await sleep('1h');
  return 'before';
}

export async function spinning(rounds: number): Promise<string> {
  await echo(1);
  for (let round = 0; round < rounds; round += 1) Math.sqrt(round);
  return 'spun';
}

export async function fine(value: number): Promise<number> {
  return await echo(value);
}
