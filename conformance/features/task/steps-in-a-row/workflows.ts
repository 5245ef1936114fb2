// A workflow whose steps each wait for the one before.
import { proxyActivities } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { stepsSquare } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });

export async function stepsInARow(steps: number): Promise<number[]> {
  const done: number[] = [];
  for (let step = 1; step <= steps; step += 1) done.push(await stepsSquare(step));
  return done;
}
