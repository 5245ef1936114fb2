// Workflows that listen late, or not at all.
import { condition, defineSignal, setHandler } from '@perdure/sdk/workflow';

const open = defineSignal('open');
const note = defineSignal<[text: string]>('note');

async function untilOpen(): Promise<void> {
  let opened = false;
  setHandler(open, () => {
    opened = true;
  });
  await condition(() => opened);
}

/** Listens to notes only after it was opened. */
export async function withoutHandlerYet(count: number): Promise<string[]> {
  const notes: string[] = [];
  await untilOpen();
  setHandler(note, (text) => {
    notes.push(text);
  });
  await condition(() => notes.length === count);
  return notes;
}

/** Never listens to notes. */
export async function withoutHandlerEver(): Promise<string> {
  await untilOpen();
  return 'closed';
}

/** Listens to notes from the start. */
export async function withoutHandlerReads(): Promise<string[]> {
  const notes: string[] = [];
  setHandler(note, (text) => {
    notes.push(text);
  });
  await untilOpen();
  return notes;
}
