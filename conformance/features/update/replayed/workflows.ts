// Notes what comes, in order; takes two updates only.
import { condition, defineSignal, defineUpdate, setHandler, sleep } from '@perdure/sdk/workflow';

export async function replayedOrder(): Promise<string[]> {
  const notes: string[] = [];
  let closed = false;
  let taken = 0;
  setHandler(
    defineUpdate<number, [note: string]>('add'),
    async (note) => {
      taken += 1;
      notes.push(note);
      const length = notes.length;
      await sleep(1);
      return length;
    },
    {
      validator() {
        if (taken > 1) throw new Error('enough');
      },
    },
  );
  setHandler(defineSignal<[note: string]>('note'), (note) => {
    notes.push(note);
  });
  setHandler(defineSignal('close'), () => {
    closed = true;
  });
  await condition(() => closed);
  return notes;
}
