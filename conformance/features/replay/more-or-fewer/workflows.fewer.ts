// A workflow that starts one timer only.
import { condition, defineSignal, setHandler, sleep } from '@perdure/sdk/workflow';

const go = defineSignal<[string]>('go');

export async function moreOrFewer(): Promise<string[]> {
  const seen: string[] = [];
  setHandler(go, (text) => {
    seen.push(text);
  });
  void sleep('1h');
  await condition(() => seen.length === 2);
  return seen;
}
