// Copies pages by an activity that keeps its place.
import { proxyActivities } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { resumesCopy } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m', retry: { initialInterval: '10ms' } });

export async function resumes(pages: number): Promise<{ attempt: number; copied: number }> {
  return await resumesCopy(pages);
}
