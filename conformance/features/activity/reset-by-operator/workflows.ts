// One activity whose second attempt never ends by itself.
import { proxyActivities } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { resetByOperatorWork } = proxyActivities<typeof activities>({
  activityId: 'work',
  startToCloseTimeout: '1h',
  heartbeatTimeout: '1s',
  retry: { initialInterval: '10ms', maximumAttempts: 2 },
});

export async function resetByOperator(): Promise<unknown> {
  return await resetByOperatorWork();
}
