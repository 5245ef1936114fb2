/** Code with its errors, and the first version of what after.ts changes. */
import { defineQuery, executeActivity, proxyActivities, setHandler, setVar, sleep, upsertMemo } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { echo } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });
export const where = defineQuery<string>('where');

/** Neither an ApplicationFailure nor a failure of a step: an error of the code. */
export async function buggy(order: { total?: { cents: number } }): Promise<number> {
  setHandler(where, () => 'before');
  await echo(1);
  return (order.total as { cents: number }).cents;
}

export async function changing(): Promise<string> {
  setHandler(where, () => 'before');
  await echo(1);
  await sleep('1h');
  return 'before';
}

export async function spinning(rounds: number): Promise<string> {
  await echo(1);
  for (let round = 0; round < rounds; round += 1) Math.sqrt(round);
  return 'spun';
}

export async function fine(value: number): Promise<number> {
  return await echo(value);
}

const STEPS: Record<string, () => unknown> = {
  'U+0000 in a type': () => executeActivity('a\0b', { startToCloseTimeout: '1m' }),
  'half a surrogate pair in a type': () => executeActivity('a\ud800', { startToCloseTimeout: '1m' }),
  'a type too long': () => executeActivity('x'.repeat(1_001), { startToCloseTimeout: '1m' }),
  'a time too long': () => executeActivity('echo', { startToCloseTimeout: '73000 days' }),
  'no time limit': () => executeActivity('echo', {}),
  'a sleep too long': () => sleep('73000 days'),
  'U+0000 in a memo': () => upsertMemo({ 'a\0': 1 }),
  'a result too large': () => 'x'.repeat(2_200_000),
  'a result without JSON': () => 10n,
  'too many timers': () => Promise.all(Array.from({ length: 2_001 }, () => sleep('1h'))),
  'a variable too large': () => setVar('big', 'x'.repeat(70_000)),
  'a memo too large': () => upsertMemo({ a: 'x'.repeat(1_100_000), b: 'y'.repeat(1_100_000) }),
  'the same activity id twice': () =>
    Promise.all([1, 2].map((value) => executeActivity('echo', { args: [value], activityId: 'one', startToCloseTimeout: '1m' }))),
  'what is absent': () => (globalThis as unknown as { fetch: (url: string) => unknown }).fetch('http://127.0.0.1'),
};

/** Asks for what cannot be. */
export async function impossible(kind: string): Promise<unknown> {
  return await STEPS[kind]?.();
}
