/** The workflow of the kill test: activities, a timer, two signals and an activity that must never run twice. */
import { condition, defineSignal, proxyActivities, setHandler, sleep } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { charge } = proxyActivities<typeof activities>({
  startToCloseTimeout: '20s',
  retry: { initialInterval: '50ms', maximumInterval: '1s' },
});
const { once } = proxyActivities<typeof activities>({ startToCloseTimeout: '5s', retry: { maximumAttempts: 1 } });

export const add = defineSignal<[value: number]>('add');

export interface OrderResult {
  readonly charged: number;
  /** 'ran', or why it is not known to have run. */
  readonly once: string;
  readonly values: number[];
}

export async function order(id: number, signals: number): Promise<OrderResult> {
  const values: number[] = [];
  setHandler(add, (value) => {
    values.push(value);
  });
  let charged = await charge(id, 1);
  await sleep(100 + (id % 5) * 100);
  let ran = 'ran';
  try {
    await once(id);
  } catch (error) {
    ran = (error as Error).name;
  }
  charged += await charge(id, 2);
  await condition(() => values.length >= signals);
  return { charged, once: ran, values };
}
