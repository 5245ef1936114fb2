// Waits for an answer that no worker gives.
import { proxyActivities } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { asyncByTokenAsk } = proxyActivities<typeof activities>({ startToCloseTimeout: '1h' });

export async function asyncByToken(question: string): Promise<string> {
  return await asyncByTokenAsk(question);
}
