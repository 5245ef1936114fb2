// A parent with as many children as it is told.
import { executeChild } from '@perdure/sdk/workflow';

export async function manyParent(count: number): Promise<number> {
  const results = await Promise.all(Array.from({ length: count }, (_, index) => executeChild(manyChild, { args: [index] })));
  return results.reduce((sum, each) => sum + each, 0);
}

export async function manyChild(index: number): Promise<number> {
  return index;
}
