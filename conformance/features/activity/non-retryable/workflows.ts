// Tells how its activities failed.
import { ActivityFailure, ApplicationFailure, proxyActivities } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { nonRetryableByType, nonRetryableByFlag } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1m',
  retry: { initialInterval: '1h', nonRetryableErrorTypes: ['CardExpired'] },
});

async function toldBy(activity: () => Promise<unknown>): Promise<unknown> {
  try {
    return await activity();
  } catch (error) {
    if (!(error instanceof ActivityFailure && error.cause instanceof ApplicationFailure)) throw error;
    const { type, details } = error.cause;
    return { type, details, attempt: error.attempt, retryState: error.retryState };
  }
}

export async function nonRetryable(): Promise<unknown[]> {
  return [await toldBy(nonRetryableByType), await toldBy(nonRetryableByFlag)];
}
