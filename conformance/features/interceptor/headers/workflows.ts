// Knows nothing of headers.
import { condition, defineSignal, proxyActivities, setHandler } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { headersWork } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });

export async function headers(): Promise<unknown> {
  const seen: unknown[] = [await headersWork('first')];
  setHandler(defineSignal<[value: string]>('go'), (value) => void seen.push(value));
  await condition(() => seen.length > 1);
  seen.push(await headersWork('second'));
  return seen;
}
