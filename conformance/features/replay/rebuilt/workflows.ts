// A workflow whose steps follow from chance and from the clock: replayed with other values it would ask for other steps.
import { condition, defineQuery, defineSignal, setHandler, sleep } from '@perdure/sdk/workflow';

const next = defineSignal('next');
const finish = defineSignal('finish');
const seen = defineQuery<string[]>('seen');

export async function rebuiltFromLog(): Promise<string[]> {
  const drawn: string[] = [];
  let wanted = 0;
  let finished = false;
  setHandler(next, () => {
    wanted += 1;
  });
  setHandler(finish, () => {
    finished = true;
  });
  setHandler(seen, () => drawn);
  while (!finished) {
    await condition(() => finished || drawn.length < wanted);
    if (finished) break;
    drawn.push(`${Math.random()} ${Date.now()} ${crypto.randomUUID()}`);
    // One step or two, by chance that the log decides.
    if (Math.random() < 0.5) await sleep(1);
    await sleep(1);
  }
  return drawn;
}
