// Workflows of the tests: waiting of every kind.
import {
  ApplicationFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  executeChild,
  proxyActivities,
  setHandler,
  sleep,
} from '@perdure/sdk/workflow';

export interface Activities {
  greet(name: string): Promise<string>;
  flaky(times: number): Promise<number>;
  poll(rounds: number): Promise<number>;
  slow(): Promise<string>;
}

const activities = proxyActivities<Activities>({ startToCloseTimeout: '1h', heartbeatTimeout: '30s' });
const { slow } = proxyActivities<Activities>({ startToCloseTimeout: '10s', retry: { maximumAttempts: 1 } });

export const approve = defineSignal<[by: string]>('approve');
export const state = defineQuery<string>('state');

/** Sleeps `times` times for `ms`. */
export async function sleeper(times: number, ms: number): Promise<number> {
  const begun = Date.now();
  for (let left = times; left > 0; left -= 1) await sleep(ms);
  return Date.now() - begun;
}

export async function greeting(name: string): Promise<string> {
  return await activities.greet(name);
}

export async function stubborn(times: number): Promise<number> {
  return await activities.flaky(times);
}

export async function polling(rounds: number): Promise<number> {
  return await activities.poll(rounds);
}

export async function impatient(): Promise<string> {
  return await slow();
}

/** Waits for a signal, for a day at most. */
export async function approval(limit: number | string = '1d'): Promise<string> {
  let by = '';
  setHandler(state, () => (by === '' ? 'open' : 'approved'));
  setHandler(approve, (who) => {
    by = who;
  });
  if (!(await condition(() => by !== '', limit))) throw ApplicationFailure.nonRetryable('nobody approved');
  return by;
}

/** Waits for a signal without any limit. */
export async function endless(): Promise<void> {
  let by = '';
  setHandler(approve, (who) => {
    by = who;
  });
  await condition(() => by !== '');
}

export async function broken(): Promise<void> {
  await sleep('1m');
  (undefined as unknown as { call(): void }).call();
}

/** Children that sleep beside each other. */
export async function family(days: readonly number[]): Promise<number[]> {
  return await Promise.all(days.map((day, index) => executeChild(nap, { workflowId: `child-${index}`, args: [day] })));
}

export async function nap(days: number): Promise<number> {
  await sleep(days * 86_400_000);
  return days;
}

/** A run a day. */
export async function chain(left: number): Promise<string> {
  await sleep('1d');
  if (left > 0) await continueAsNew<typeof chain>(left - 1);
  return 'the end';
}
