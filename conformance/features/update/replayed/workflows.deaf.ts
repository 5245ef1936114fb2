// Has no handler of updates any more.
import { condition, defineSignal, setHandler } from '@perdure/sdk/workflow';

export async function replayedOrder(): Promise<string[]> {
  const notes: string[] = [];
  let closed = false;
  setHandler(defineSignal<[note: string]>('note'), (note) => {
    notes.push(note);
  });
  setHandler(defineSignal('close'), () => {
    closed = true;
  });
  await condition(() => closed);
  return notes;
}
