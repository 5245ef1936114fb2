// A workflow with handlers that do what they must not.
import { condition, defineQuery, defineSignal, setHandler, setVar, sleep } from '@perdure/sdk/workflow';

export async function readOnlyQueried(): Promise<string> {
  let ended = false;
  setHandler(defineSignal('end'), () => {
    ended = true;
  });
  setHandler(defineQuery<string, [string]>('echo'), (text) => text);
  setHandler(defineQuery<string>('sleeps'), () => {
    void sleep('1s');
    return 'slept';
  });
  setHandler(defineQuery<string>('sets'), () => {
    setVar('name', 'value');
    return 'set';
  });
  setHandler(defineQuery<string>('throws'), () => {
    throw new RangeError('nothing to show');
  });
  setHandler(defineQuery<unknown>('waits'), () => Promise.resolve('later'));
  await condition(() => ended);
  return 'ended';
}
