// A workflow with queries that behave, and some that do not.
import { condition, defineQuery, defineSignal, setHandler, sleep } from '@perdure/sdk/workflow';

const total = defineQuery<number>('total');
const chance = defineQuery<number>('chance');
const drawn = defineQuery<number[]>('drawn');
const sneaky = defineQuery<string>('sneaky');
const add = defineSignal<[number]>('add');
const end = defineSignal('end');

export async function readOnly(): Promise<string> {
  let sum = 0;
  let ended = false;
  const draws = [Math.random()];
  setHandler(total, () => sum);
  setHandler(drawn, () => draws);
  setHandler(chance, () => Math.random());
  setHandler(sneaky, () => {
    void sleep('1h');
    return 'slept';
  });
  setHandler(add, (value) => {
    sum += value;
    draws.push(Math.random());
  });
  setHandler(end, () => {
    ended = true;
  });
  await condition(() => ended);
  return await condition(() => {
    void sleep('1h');
    return true;
  }).then(
    () => 'not refused',
    (error: Error) => `${error.name}: ${error.message}`,
  );
}
