// Says where it is.
import { condition, defineSignal, setHandler, setVar } from '@perdure/sdk/workflow';

export async function shownSteps(): Promise<void> {
  let steps = 0;
  setHandler(defineSignal('next'), () => {
    steps += 1;
  });
  setVar('step', 'first');
  setVar('plan', { steps: 2 });
  await condition(() => steps === 1);
  setVar('step', 'second');
  setVar('plan', undefined);
  await condition(() => steps === 2);
  setVar('step', 'done');
}
