// The code with the patch.
import { condition, defineSignal, patched, setHandler } from '@perdure/sdk/workflow';

const go = defineSignal('go');

export async function patchTakenOut(): Promise<string[]> {
  const ways: string[] = [];
  let told = 0;
  setHandler(go, () => {
    told += 1;
  });
  for (let round = 1; round <= 2; round += 1) {
    const way = patched('quick') ? 'quick' : 'old';
    ways.push(way);
    // The old way waits for an hour at most, the new one for two: another step.
    await condition(() => told >= round, way === 'old' ? '1h' : '2h');
  }
  return ways;
}
