// The payment activity: really fails about 70 % of the time, and charges at most once whatever happens.
import { activityInfo } from '@perdure/sdk/activity';
import type { Ledger } from './ledger.ts';

const FAILURE_RATE = 0.7;
const PROBLEMS = ['card declined', 'payment provider answered 503', 'connection reset by payment provider'];

export interface Charge {
  readonly cycle: number;
  /** Whole cents. */
  readonly amount: number;
}

export function createActivities(ledger: Ledger): { charge(charge: Charge): Promise<string> } {
  return {
    async charge({ cycle, amount }) {
      const { idempotencyKey, attempt } = activityInfo();
      // An earlier attempt may have charged and died before it could say so.
      if (await ledger.has(idempotencyKey)) return idempotencyKey;
      await new Promise((done) => setTimeout(done, 50 + Math.random() * 100));
      if (Math.random() < FAILURE_RATE) throw new Error(PROBLEMS[Math.floor(Math.random() * PROBLEMS.length)]);
      await ledger.charge({ key: idempotencyKey, cycle, amount, attempt });
      return idempotencyKey;
    },
  };
}
