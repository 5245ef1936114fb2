/** The second version of before.ts: corrected, but for `changing`, whose first step is another one now. */
import { proxyActivities, sleep } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { echo } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });

export async function buggy(order: { total?: { cents: number } }): Promise<number> {
  await echo(1);
  return order.total?.cents ?? 0;
}

export async function changing(): Promise<string> {
  await sleep('1s');
  await echo(1);
  return 'after';
}

export async function spinning(): Promise<string> {
  await echo(1);
  return 'spun';
}

export async function late(): Promise<string> {
  return 'known now';
}
