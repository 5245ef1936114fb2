// A workflow whose first version has an error. A task that fails leaves nothing in the log, so all that the corrected version finds is right.

import { condition, defineQuery, defineSignal, proxyActivities, setHandler, sleep, upsertMemo } from '@perdure/sdk/workflow';
import type { Activities } from './activities.ts';

/** `thrown`: an error of the code. `bad command`: one that the service refuses. */
export type Flaw = 'thrown' | 'bad command';

const quick = proxyActivities<Activities>({ startToCloseTimeout: '20s', retry: { initialInterval: '200ms', maximumInterval: '2s' } });
const add = defineSignal<[value: number]>('add');
const finish = defineSignal('finish');
const taken = defineQuery<number[]>('taken');

/** The error itself. */
export function stumble(flaw: Flaw): void {
  if (flaw === 'thrown') throw new TypeError('an error of the code');
  upsertMemo({ 'a\0': 1 });
}

/** Adds up doubled numbers, one after another, and takes others until it is told to finish or a time has passed. */
export async function clumsyWith(
  error: (flaw: Flaw) => void,
  { flaw, at, numbers, patience }: { flaw: Flaw; at: number; numbers: number[]; patience: number },
): Promise<{ sum: number; values: number[] }> {
  const values: number[] = [];
  let done = false;
  setHandler(add, (value) => {
    values.push(value);
  });
  setHandler(finish, () => {
    done = true;
  });
  setHandler(taken, () => values);
  let sum = 0;
  for (const [index, number] of numbers.entries()) {
    // Asked for in the task that fails: nothing of it may be kept.
    const doubled = quick.double(number);
    if (index === at) error(flaw);
    sum += await doubled;
    await sleep(20 * number);
  }
  await condition(() => done, patience);
  return { sum, values };
}
