/** A workflow that is updated, for the end-to-end tests. */
import { ApplicationFailure, condition, defineQuery, defineSignal, defineUpdate, setHandler } from '@perdure/sdk/workflow';

export const put = defineUpdate<number, [value: number]>('put');
export const held = defineUpdate<string>('held');
export const add = defineSignal<[value: number]>('add');
export const release = defineSignal('release');
export const spoil = defineSignal('spoil');
export const finish = defineSignal('finish');

export async function ledger(): Promise<number[]> {
  const values: number[] = [];
  let finished = false;
  let released = false;
  const sum = (): number => values.reduce((a, b) => a + b, 0);
  setHandler(
    put,
    (value) => {
      if (value === 13) throw new ApplicationFailure({ message: 'not 13', type: 'Unlucky', details: [value] });
      values.push(value);
      return sum();
    },
    {
      validator(value) {
        if (value < 0) throw new RangeError('only positive values');
      },
    },
  );
  setHandler(held, async () => {
    await condition(() => released);
    return 'released';
  });
  setHandler(add, (value) => {
    values.push(value);
  });
  setHandler(release, () => {
    released = true;
  });
  setHandler(spoil, () => {
    throw new TypeError('spoiled');
  });
  setHandler(finish, () => {
    finished = true;
  });
  setHandler(defineQuery<number>('sum'), sum);
  await condition(() => finished);
  return values;
}
