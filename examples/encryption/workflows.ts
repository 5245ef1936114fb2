// Takes money from a card. Nothing of this code knows that what it says is encrypted.
import { condition, defineQuery, defineSignal, defineUpdate, proxyActivities, setHandler, setVar } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { charge } = proxyActivities<typeof activities>({ startToCloseTimeout: '10 seconds' });

export const confirm = defineSignal<[code: string]>('confirm');
export const cardOf = defineQuery<string>('cardOf');
export const useCard = defineUpdate<string, [card: string]>('useCard');

export async function payment(firstCard: string, amount: number): Promise<string> {
  let card = firstCard;
  let code = '';
  setHandler(confirm, (given) => {
    code = given;
  });
  setHandler(cardOf, () => card);
  setHandler(
    useCard,
    (other) => {
      card = other;
      setVar('card', card);
      return `was ${firstCard}`;
    },
    {
      validator(other) {
        if (!other.startsWith('4711')) throw new RangeError(`${other} is no card`);
      },
    },
  );
  setVar('card', card);
  await condition(() => code !== '');
  return `${await charge(card, amount)}, confirmed by ${code}`;
}
