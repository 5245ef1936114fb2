// Closes with something to tell.
import { defineQuery, setHandler } from '@perdure/sdk/workflow';

export async function closedTells(fails: boolean): Promise<string> {
  let state = 'open';
  setHandler(defineQuery<string>('state'), () => state);
  state = 'about to close';
  if (fails) throw new RangeError('no stock');
  return 'closed';
}
