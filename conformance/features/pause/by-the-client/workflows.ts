// Waits for one signal and tells how many were handled.
import { condition, defineQuery, defineSignal, setHandler } from '@perdure/sdk/workflow';

export async function pausedWaiter(): Promise<string> {
  let handled = 0;
  setHandler(defineSignal('go'), () => {
    handled += 1;
  });
  setHandler(defineQuery<number>('handled'), () => handled);
  await condition(() => handled > 0);
  return 'handled';
}
