// Workflows that fail without saying as what.
import { ApplicationFailure } from '@perdure/sdk/workflow';

class CardDeclined extends ApplicationFailure {}

export async function failureNamesOwn(): Promise<never> {
  throw new CardDeclined({ message: 'no money' });
}

export async function failureNamesPlain(): Promise<never> {
  throw new ApplicationFailure({ message: 'no reason' });
}
