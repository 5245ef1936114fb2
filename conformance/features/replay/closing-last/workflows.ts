// Workflows whose main function ends before their other branches do.
import { ApplicationFailure, condition, defineSignal, setHandler, sleep } from '@perdure/sdk/workflow';

const work = defineSignal('work');
const end = defineSignal('end');
const release = defineSignal('release');

/** Asks for a timer, some reactions later. */
async function branch(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  await sleep('1h');
}

export async function closingLastReturns(): Promise<string> {
  void branch();
  return 'returned';
}

export async function closingLastThrows(): Promise<never> {
  void branch();
  throw new ApplicationFailure({ message: 'thrown', type: 'OnPurpose' });
}

export async function closingLastHandler(): Promise<string> {
  let ended = false;
  let released = false;
  let state = 'handler not begun';
  setHandler(work, async () => {
    state = 'handler at work';
    await condition(() => released);
    await sleep(1);
    state = 'handler ended';
  });
  setHandler(end, () => {
    ended = true;
  });
  setHandler(release, () => {
    released = true;
  });
  await condition(() => ended);
  return state;
}
