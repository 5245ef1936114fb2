// As workflows.ts, and right about quotes.
import { proxyActivities } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { correctedCodeQuote } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });

export async function correctedCode(): Promise<number> {
  return (await correctedCodeQuote()) + 2;
}
