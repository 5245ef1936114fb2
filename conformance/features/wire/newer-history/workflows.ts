// A workflow with one timer.
import { sleep } from '@perdure/sdk/workflow';

export async function newerHistory(): Promise<string> {
  await sleep(1);
  return 'slept';
}
