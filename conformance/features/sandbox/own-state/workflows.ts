// Workflows that keep state outside of their functions.
import { condition, defineQuery, defineSignal, setHandler } from '@perdure/sdk/workflow';

let counter = 0;
const world = globalThis as { ownStateTotal?: number };

const count = defineSignal<[number]>('count');
const state = defineQuery<[number, number]>('state');

export async function ownState(until: number): Promise<[number, number]> {
  const now = (): [number, number] => [counter, world.ownStateTotal ?? 0];
  setHandler(state, now);
  setHandler(count, (value) => {
    counter += 1;
    world.ownStateTotal = (world.ownStateTotal ?? 0) + value;
  });
  await condition(() => counter === until);
  return now();
}

/** Spoils what it can reach, and fails. */
export async function ownStateSpoiler(): Promise<void> {
  counter = 1_000;
  world.ownStateTotal = 1_000;
  (Array.prototype as { map: unknown }).map = () => 'spoiled';
  throw new Error('spoiled it');
}
