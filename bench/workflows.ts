// The workflows that are measured.
import { condition, defineSignal, proxyActivities, setHandler } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { echo } = proxyActivities<typeof activities>({ startToCloseTimeout: '30s' });

/** No step at all. */
export async function empty(payload: string): Promise<string> {
  return payload;
}

/** One activity. */
export async function one(payload: string): Promise<string> {
  return await echo(payload);
}

/** Ten activities in a row. */
export async function seq(payload: string): Promise<string> {
  let current = payload;
  for (let step = 0; step < 10; step += 1) current = await echo(current);
  return current;
}

/** Sleeps, unless it is woken. */
export async function sleeper(duration: string): Promise<void> {
  let woken = false;
  setHandler(defineSignal('wake'), () => {
    woken = true;
  });
  await condition(() => woken, duration);
}
