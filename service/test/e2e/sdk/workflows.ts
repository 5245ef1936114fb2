/** Workflows of the end-to-end tests. */
import { CancelledFailure, condition, defineQuery, defineSignal, proxyActivities, setHandler, setVar, sleep } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { greet, flaky, refuse, resumable, twoMebibytes } = proxyActivities<typeof activities>({
  startToCloseTimeout: '30s',
  retry: { initialInterval: '10ms' },
});
const { endless } = proxyActivities<typeof activities>({ startToCloseTimeout: '10m', heartbeatTimeout: '3s' });

export const add = defineSignal<[value: number]>('add');
export const finish = defineSignal('finish');
export const sum = defineQuery<number>('sum');

export async function greeting(name: string): Promise<string> {
  return await greet(name);
}

export async function collector(): Promise<{ values: number[]; sum: number }> {
  const values: number[] = [];
  let finished = false;
  const total = (): number => values.reduce((a, b) => a + b, 0);
  setHandler(add, (value) => {
    values.push(value);
    setVar('count', values.length);
  });
  setHandler(finish, () => {
    finished = true;
  });
  setHandler(sum, total);
  await condition(() => finished);
  return { values, sum: total() };
}

export async function patient(): Promise<number> {
  return await flaky(3);
}

export async function refused(): Promise<void> {
  await refuse('no');
}

export async function tooLarge(): Promise<void> {
  await twoMebibytes();
}

export async function cancellable(): Promise<string> {
  try {
    await endless();
    return 'not cancelled';
  } catch (error) {
    if (error instanceof CancelledFailure || (error as Error).cause instanceof CancelledFailure) return 'cleaned up';
    throw error;
  }
}

export async function resumes(): Promise<unknown> {
  return await resumable();
}

export async function sleeper(ms: number): Promise<string> {
  await sleep(ms);
  return await greet('after the sleep');
}
