// The code as it was when the first orders were started.
import { condition, defineSignal, proxyActivities, setHandler } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { charge, ship } = proxyActivities<typeof activities>({ startToCloseTimeout: '10 seconds' });

export const packed = defineSignal('packed');

export async function order(item: string): Promise<string[]> {
  let ready = false;
  setHandler(packed, () => {
    ready = true;
  });
  const done = [await charge(item)];
  await condition(() => ready);
  done.push(await ship(item));
  return done;
}
