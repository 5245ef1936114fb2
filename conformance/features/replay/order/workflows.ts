// A workflow that tells what reaches it, in which order.
import { condition, defineSignal, executeActivity, setHandler } from '@perdure/sdk/workflow';

const note = defineSignal<[string]>('note');

export async function orderTold(taskQueue: string): Promise<string[]> {
  const told: string[] = [];
  setHandler(note, (text) => {
    told.push(`signal ${text}`);
  });
  const activity = async (name: string): Promise<void> => {
    await executeActivity(name, { taskQueue, startToCloseTimeout: '1m' });
    told.push(`result of ${name}`);
  };
  const awaited = async (name: string, count: number): Promise<void> => {
    await condition(() => told.length >= count);
    told.push(`condition ${name}`);
  };
  await Promise.all([activity('slow'), activity('quick'), awaited('late', 6), awaited('first', 2), awaited('second', 2)]);
  return told;
}
