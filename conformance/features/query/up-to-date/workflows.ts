// Adds up what signals bring.
import { condition, defineQuery, defineSignal, setHandler } from '@perdure/sdk/workflow';

export async function upToDateSum(): Promise<number> {
  let sum = 0;
  let ended = false;
  setHandler(defineSignal<[number]>('add'), (value) => {
    sum += value;
  });
  setHandler(defineSignal('end'), () => {
    ended = true;
  });
  setHandler(defineQuery<number>('sum'), () => sum);
  await condition(() => ended);
  return sum;
}
