// Waits for an approval.
import { proxyActivities } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { asyncByNamesAsk } = proxyActivities<typeof activities>({
  activityId: 'approval',
  startToCloseTimeout: '1h',
  retry: { initialInterval: '1 day' },
});

export async function asyncByNames(): Promise<string> {
  return await asyncByNamesAsk();
}
