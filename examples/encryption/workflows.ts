// Takes money from a card. Nothing of this code knows that what it says is encrypted.
import { condition, defineQuery, defineSignal, proxyActivities, setHandler, setVar } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { charge } = proxyActivities<typeof activities>({ startToCloseTimeout: '10 seconds' });

export const confirm = defineSignal<[code: string]>('confirm');
export const cardOf = defineQuery<string>('cardOf');

export async function payment(card: string, amount: number): Promise<string> {
  let code = '';
  setHandler(confirm, (given) => {
    code = given;
  });
  setHandler(cardOf, () => card);
  setVar('card', card);
  await condition(() => code !== '');
  return `${await charge(card, amount)}, confirmed by ${code}`;
}
