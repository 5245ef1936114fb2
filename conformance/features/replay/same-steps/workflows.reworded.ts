// The same workflow after a change that old runs survive: other times, other arguments, other words.
import { condition, defineSignal, executeActivity, log, setHandler, sleep } from '@perdure/sdk/workflow';

const go = defineSignal('go');

export async function sameSteps(): Promise<string> {
  let gone = false;
  setHandler(go, () => {
    gone = true;
  });
  log.info('begins');
  await sleep('1d');
  const greeting = await executeActivity<string>('sameStepsGreet', { args: ['everybody'], startToCloseTimeout: '2m' });
  await condition(() => gone);
  return `${greeting} from the new code`;
}
