// Tells its id with each step until it is told to end.
import { condition, defineSignal, proxyActivities, setHandler, workflowInfo } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { ownNumbersTell } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });

export async function ownNumbers(): Promise<string[]> {
  const told: string[] = [];
  let signals = 0;
  let ended = false;
  setHandler(defineSignal('go'), () => {
    signals += 1;
  });
  setHandler(defineSignal('end'), () => {
    ended = true;
  });
  while (!ended) {
    told.push(await ownNumbersTell(workflowInfo().runId, Math.random() < 1));
    await condition(() => ended || signals >= told.length);
  }
  return told;
}
