// A workflow that reads clocks and draws numbers.
import { condition, defineQuery, defineSignal, random, setHandler, uuid4 } from '@perdure/sdk/workflow';

interface Seen {
  times: string[];
  stood: boolean;
  draws: number[];
  ids: string[];
}

const seen = defineQuery<Seen>('seen');
const end = defineSignal('end');

export async function timeAndChance(): Promise<void> {
  let ended = false;
  setHandler(end, () => {
    ended = true;
  });
  const began = new Date();
  const elapsed = performance.now();
  for (let turn = 0; turn < 1_000; turn += 1) await Promise.resolve();
  const stood = Date.now() === began.getTime() && performance.now() === elapsed;
  await new Promise((resolve) => setTimeout(resolve, 20));
  const times = [began.toISOString(), new Date().toISOString()];
  const all = { times, stood, draws: [Math.random(), random()], ids: [uuid4(), crypto.randomUUID()] };
  setHandler(seen, () => all);
  await condition(() => ended);
}
