// Small workflows for the tests of activities, timers, signals and queries.

import { condition, defineQuery, defineSignal, proxyActivities, setHandler, sleep } from '@perdure/sdk/workflow';

const { greet } = proxyActivities<{ greet(name: string): Promise<string> }>({ startToCloseTimeout: '1m' });

export async function hello(name: string): Promise<string> {
  return await greet(name);
}

export async function napping(): Promise<string> {
  await sleep('30s');
  return new Date().toISOString();
}

const add = defineSignal<[n: number]>('add');
const total = defineQuery<number>('total');

export async function summing(target: number): Promise<number> {
  let sum = 0;
  setHandler(add, (n) => {
    sum += n;
  });
  setHandler(total, () => sum);
  await condition(() => sum >= target);
  return sum;
}
