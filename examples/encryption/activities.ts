// What would ask a bank.
import { ApplicationFailure } from '@perdure/sdk/workflow';

export async function charge(card: string, amount: number): Promise<string> {
  if (amount > 1_000) throw ApplicationFailure.nonRetryable(`card ${card} has no ${amount} left`, 'Declined', { card });
  return `charged ${amount} to ${card}`;
}
