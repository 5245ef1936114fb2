// A workflow that waits with a timer.
import { condition, defineSignal, setHandler } from '@perdure/sdk/workflow';

const go = defineSignal('go');

export async function changedCode(): Promise<string> {
  let gone = false;
  setHandler(go, () => {
    gone = true;
  });
  return (await condition(() => gone, '1h')) ? 'went' : 'waited in vain';
}
