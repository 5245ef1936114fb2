// The same workflow when its variable was called otherwise.
import { condition, defineSignal, setHandler, setVar } from '@perdure/sdk/workflow';

export async function shownSteps(): Promise<void> {
  let steps = 0;
  setHandler(defineSignal('next'), () => {
    steps += 1;
  });
  setVar('phase', 'first');
  await condition(() => steps === 1);
  setVar('phase', 'second');
  await condition(() => steps === 2);
  setVar('phase', 'done');
}
