// Counts what it is told to add; its validator draws ids that must not be missed later.
import { condition, defineSignal, defineUpdate, setHandler, uuid4 } from '@perdure/sdk/workflow';

export async function rejectedCounter(): Promise<{ sum: number; same: boolean }> {
  let sum = 0;
  let closed = false;
  const ids = [uuid4()];
  setHandler(
    defineUpdate<number, [amount: number]>('add'),
    (amount) => {
      sum += amount;
      ids.push(uuid4());
      return sum;
    },
    {
      validator(amount) {
        uuid4();
        if (!(amount > 0)) throw new RangeError('only positive amounts');
      },
    },
  );
  setHandler(defineSignal('close'), () => {
    closed = true;
  });
  await condition(() => closed);
  return { sum, same: new Set(ids).size === ids.length };
}
