// Two ways to fail for good.
import { ApplicationFailure } from '@perdure/sdk/activity';

class NonRetryableCardExpired extends Error {
  override name = 'CardExpired';
}

export async function nonRetryableByType(): Promise<never> {
  throw new NonRetryableCardExpired('expired in May');
}

export async function nonRetryableByFlag(): Promise<never> {
  throw ApplicationFailure.nonRetryable('no such customer', 'NoSuchCustomer', { customer: 7 });
}
