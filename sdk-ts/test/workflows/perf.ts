// For measuring: a sequence of activities.

import { proxyActivities } from '@perdure/sdk/workflow';

const { greet } = proxyActivities<{ greet(name: string): Promise<string> }>({ startToCloseTimeout: '1m' });

export async function seq(count: number): Promise<number> {
  let length = 0;
  for (let at = 0; at < count; at += 1) length += (await greet('x')).length;
  return length;
}
