// Adds to a quote, and is wrong about what a quote may be.
import { proxyActivities } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { correctedCodeQuote } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });

export async function correctedCode(): Promise<number> {
  const quote = await correctedCodeQuote();
  if (quote === 40) throw new RangeError('40 is no quote');
  return quote + 2;
}
