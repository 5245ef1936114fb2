// A workflow that sleeps.
import { sleep } from '@perdure/sdk/workflow';

export async function afterACrashSleeper(seconds: number): Promise<string> {
  await sleep(seconds * 1_000);
  return 'awake';
}
