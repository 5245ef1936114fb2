// The same workflows with the loop corrected.
import { condition, defineSignal, setHandler } from '@perdure/sdk/workflow';

const go = defineSignal('go');

export async function endlessLoop(): Promise<string> {
  let turns = 0;
  while (turns < 1_000) turns += 1;
  return 'at last';
}

/** Waits for a signal, then computes for a while. */
export async function endlessLoopNeighbour(): Promise<number> {
  let gone = false;
  setHandler(go, () => {
    gone = true;
  });
  await condition(() => gone);
  let sum = 0;
  for (let turn = 1; turn <= 5_000_000; turn += 1) sum = (sum + turn) % 1_000_003;
  return sum;
}
