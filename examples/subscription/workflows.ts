// A subscription: the total is paid in equal cycles, each at its due time; what cannot be collected is carried over.
import { ActivityFailure, proxyActivities, setVar, sleep } from '@perdure/sdk/workflow';
import type { createActivities } from './activities.ts';

export interface Subscription {
  /** Whole cents. */
  readonly totalAmount: number;
  readonly cycles: number;
  /** Ms between due times. */
  readonly cycleDuration: number;
}

export interface Outcome {
  /** Whole cents. */
  readonly paid: number;
  /** Whole cents that no cycle could collect; paid + overdue is the total. */
  readonly overdue: number;
}

export const MAX_ATTEMPTS = 4;

const { charge } = proxyActivities<ReturnType<typeof createActivities>>({
  startToCloseTimeout: '5 seconds',
  retry: { initialInterval: '300 ms', backoffCoefficient: 1.5, maximumAttempts: MAX_ATTEMPTS },
});

export async function subscription({ totalAmount, cycles, cycleDuration }: Subscription): Promise<Outcome> {
  const start = Date.now();
  const share = Math.floor(totalAmount / cycles);
  let paid = 0;
  let overdue = 0;
  for (let cycle = 1; cycle <= cycles; cycle += 1) {
    // The last cycle takes what the division leaves over.
    const due = cycle === cycles ? totalAmount - share * (cycles - 1) : share;
    const amountToPay = due + overdue;
    setVar('currentCycle', cycle);
    setVar('amountToPay', amountToPay);
    const wait = start + cycle * cycleDuration - Date.now();
    if (wait > 0) await sleep(wait);
    try {
      await charge({ cycle, amount: amountToPay });
      paid += amountToPay;
      overdue = 0;
    } catch (error) {
      // Only an activity that used up its attempts; anything else is a mistake in this code and must not be swallowed.
      if (!(error instanceof ActivityFailure)) throw error;
      overdue = amountToPay;
      setVar(`cycle_${cycle}_err`, error.cause instanceof Error ? error.cause.message : error.message);
    }
    setVar('paid', paid);
    setVar('overdue', overdue);
  }
  return { paid, overdue };
}
