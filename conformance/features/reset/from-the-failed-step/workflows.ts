// Books a flight, a hotel and a car at once.
import { proxyActivities, workflowInfo } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { tripBook } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });

export async function fromTheFailedStep(): Promise<string[]> {
  const { firstRunId } = workflowInfo();
  return await Promise.all([tripBook('flight', firstRunId), tripBook('hotel', firstRunId), tripBook('car', firstRunId)]);
}
