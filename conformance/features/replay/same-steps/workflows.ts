// A workflow before a change that old runs survive.
import { condition, defineSignal, executeActivity, setHandler, sleep } from '@perdure/sdk/workflow';

const go = defineSignal('go');

export async function sameSteps(): Promise<string> {
  let gone = false;
  setHandler(go, () => {
    gone = true;
  });
  await sleep(5);
  const greeting = await executeActivity<string>('sameStepsGreet', { args: ['World'], startToCloseTimeout: '1m' });
  await condition(() => gone);
  return `${greeting} from the old code`;
}
