// One activity that cannot end before it was stopped.
import { proxyActivities } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

// Signs of life are sent three times as often. The only attempt must not be used up.
const { pausedByOperatorWork } = proxyActivities<typeof activities>({
  activityId: 'work',
  startToCloseTimeout: '1h',
  heartbeatTimeout: '1s',
  retry: { maximumAttempts: 1 },
});

export async function pausedByOperator(): Promise<unknown> {
  return await pausedByOperatorWork();
}
