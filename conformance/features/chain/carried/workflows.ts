// Listens in its second run only.
import { condition, continueAsNew, defineSignal, setHandler } from '@perdure/sdk/workflow';

const note = defineSignal<[text: string]>('note');

export async function chainListensLater(runs: number): Promise<string[]> {
  if (runs > 0) return continueAsNew<typeof chainListensLater>(runs - 1);
  const notes: string[] = [];
  setHandler(note, (text) => {
    notes.push(text);
  });
  await condition(() => notes.length === 2);
  return notes;
}
