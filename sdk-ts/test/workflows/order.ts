// What must come out the same live and on replay: draws, the order of conditions, the names of steps.

import { condition, defineQuery, defineSignal, proxyActivities, random, setHandler, sleep } from '@perdure/sdk/workflow';

interface Activities {
  charge(): Promise<unknown>;
  refund(): Promise<unknown>;
}

const { charge, refund } = proxyActivities<Activities>({ startToCloseTimeout: '1m' });
const go = defineSignal('go');
const draw = defineQuery<number>('draw');

/** A draw in each of three activations. */
export async function draws(): Promise<number[]> {
  const drawn: number[] = [];
  setHandler(draw, () => random());
  for (let round = 1; round <= 3; round += 1) {
    drawn.push(random());
    await sleep(round);
  }
  return drawn;
}

/** Two wait for the same signal. */
export async function twoWait(): Promise<string[]> {
  let open = false;
  const woken: string[] = [];
  setHandler(go, () => {
    open = true;
  });
  const waiting = ['first', 'second', 'third'].map(async (name) => {
    await condition(() => open);
    woken.push(name);
  });
  await Promise.all(waiting);
  return woken;
}

export async function charging(): Promise<unknown> {
  return await charge();
}

export async function refunding(): Promise<unknown> {
  return await refund();
}
