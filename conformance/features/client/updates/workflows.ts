// Adds what it is told to.
import { ApplicationFailure, condition, defineSignal, defineUpdate, setHandler } from '@perdure/sdk/workflow';

export const add = defineUpdate<number, [amount: number]>('add');
export const put = defineSignal<[amount: number]>('put');
export const sum = defineUpdate<number>('sum');

export async function clientUpdates(): Promise<void> {
  let total = 0;
  setHandler(sum, () => total);
  setHandler(put, (amount) => {
    total += amount;
  });
  setHandler(
    add,
    (amount) => {
      if (amount === 13) throw new ApplicationFailure({ message: 'unlucky' });
      total += amount;
      return total;
    },
    {
      validator(amount) {
        if (amount < 0) throw new RangeError('too small');
      },
    },
  );
  await condition(() => false);
}
