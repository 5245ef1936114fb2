// A workflow whose one activity fails for a while.
import { proxyActivities } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

export async function retriesUntil(attempt: number, maximumAttempts = 0): Promise<number> {
  const retry = { initialInterval: '10ms', maximumAttempts };
  const { retriesFlaky } = proxyActivities<typeof activities>({ startToCloseTimeout: '30s', retry });
  return await retriesFlaky(attempt);
}
