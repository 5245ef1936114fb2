// A workflow file whose instances take half a megabyte.

import { sleep } from '@perdure/sdk/workflow';

const table: number[] = Array.from({ length: 64 * 1024 }, (_, at) => at * 1.5);

export async function waiting(): Promise<number | undefined> {
  await sleep('1h');
  return table[1];
}
