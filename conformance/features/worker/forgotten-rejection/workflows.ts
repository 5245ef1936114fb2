// Two activities side by side in one worker.
import { proxyActivities } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { forgettingWork, forgettingNeighbour, forgettingLate } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1m',
  retry: { initialInterval: '1ms' },
});

export async function forgetting(): Promise<unknown> {
  const both = await Promise.all([forgettingNeighbour(), forgettingWork()]);
  return [...both, await forgettingLate()];
}
