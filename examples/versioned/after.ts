// The same workflow, changed: charged orders are now checked for fraud. Orders that are past this place go on as they were begun.
import { condition, defineSignal, patched, proxyActivities, setHandler } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { charge, checkFraud, ship } = proxyActivities<typeof activities>({ startToCloseTimeout: '10 seconds' });

export const packed = defineSignal('packed');

export async function order(item: string): Promise<string[]> {
  let ready = false;
  setHandler(packed, () => {
    ready = true;
  });
  const done = [await charge(item)];
  // True for runs that get here with this code; false for those whose log already went on without the check.
  if (patched('fraud-check')) done.push(await checkFraud(item));
  await condition(() => ready);
  done.push(await ship(item));
  return done;
}
