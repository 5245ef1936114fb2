// An order waits until the payment provider calls back, or until its patience ends.
import { ActivityFailure, proxyActivities, TimeoutFailure } from '@perdure/sdk/workflow';
import type { Activities } from './activities.ts';

export interface Order {
  readonly cents: number;
  /** How long the provider has to call back. */
  readonly patience: string;
}

export async function order({ cents, patience }: Order): Promise<string> {
  // The id is the one that the callback's address names; asking twice is no answer to a lost callback.
  const { askForPayment } = proxyActivities<Activities>({
    activityId: 'payment',
    startToCloseTimeout: patience,
    retry: { maximumAttempts: 1 },
  });
  try {
    const { reference } = await askForPayment(cents);
    return `paid: ${reference}`;
  } catch (error) {
    if (error instanceof ActivityFailure && error.cause instanceof TimeoutFailure) return 'not paid in time';
    throw error;
  }
}
