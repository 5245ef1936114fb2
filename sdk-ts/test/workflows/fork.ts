// What a fork sees change: its id and its random stream.

import { condition, defineSignal, proxyActivities, setHandler, workflowInfo } from '@perdure/sdk/workflow';

const { tell } = proxyActivities<{ tell(runId: string, draw: number): Promise<string> }>({ startToCloseTimeout: '1m' });

export async function drawing(): Promise<void> {
  let signals = 0;
  setHandler(defineSignal('go'), () => {
    signals += 1;
  });
  for (let seen = 0; ; seen += 1) {
    await tell(workflowInfo().runId, Math.random());
    await condition(() => signals > seen);
  }
}
