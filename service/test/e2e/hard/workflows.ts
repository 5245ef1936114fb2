/** Workflows of the hard cases. */
import {
  type ActivityOptions,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  executeActivity,
  isCancellation,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { echo, slow } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });

export const item = defineSignal<[value: number]>('item');
export const stop = defineSignal('stop');
export const advised = defineQuery<number>('advised');
export const progress = defineQuery<number>('progress');

/** Timers and activities at once. */
async function steps(count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, index) => (index % 8 === 0 ? echo(index) : sleep(1))));
}

/** Steps until its log has so many events, whatever it is advised; answers how many steps it took. */
export async function stubborn(events: number): Promise<number> {
  let done = 0;
  let advisedAt = 0;
  let stopped = false;
  setHandler(progress, () => done);
  setHandler(advised, () => advisedAt);
  setHandler(stop, () => {
    stopped = true;
  });
  for (let length = 0; length < events; length = workflowInfo().historyLength) {
    if (advisedAt === 0 && workflowInfo().continueAsNewSuggested) advisedAt = length;
    const width = Math.min(2_000, Math.ceil((events - length) / 2));
    await steps(width);
    done += width;
  }
  await condition(() => stopped);
  return done;
}

/** So many steps, in as many runs as it is advised to take; answers in how many events each run but the last ended. */
export async function heeding(left: number, lengths: readonly number[] = []): Promise<readonly number[]> {
  for (let more = left; more > 0; more -= 200) {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    if (continueAsNewSuggested) continueAsNew<typeof heeding>(more, [...lengths, historyLength]);
    await steps(200);
  }
  return lengths;
}

/** So many activities at once, and one more for each signal; answers how many ended. */
export async function crowd(count: number, taskQueue: string): Promise<number> {
  const { echo } = proxyActivities<typeof activities>({ taskQueue, scheduleToCloseTimeout: '5m' });
  const open: Promise<number>[] = [];
  setHandler(item, (value) => {
    open.push(echo(value));
  });
  for (let each = 0; each < count; each += 1) open.push(echo(each));
  let ended = 0;
  for (let at = 0; at < open.length; at += 1) {
    await open[at];
    ended += 1;
  }
  return ended;
}

/** Activities one after the other, each of `ms`; answers the values of the signals that had come after each. */
export async function inRow(count: number, ms: number): Promise<number[][]> {
  const items: number[] = [];
  const seen: number[][] = [];
  setHandler(item, (value) => {
    items.push(value);
  });
  for (let step = 0; step < count; step += 1) {
    await (ms === 0 ? echo(step) : slow(ms));
    seen.push(items.slice());
  }
  return seen;
}

/** Takes `count` signals one after the other. */
export async function loop(count: number): Promise<number> {
  const waiting: number[] = [];
  let sum = 0;
  setHandler(item, (value) => {
    waiting.push(value);
  });
  setHandler(progress, () => sum);
  for (let taken = 0; taken < count; taken += 1) {
    await condition(() => waiting.length > 0);
    sum += waiting.shift() ?? 0;
  }
  return sum;
}

/** Wants to close as soon as it is told to, while signals keep coming; answers how many it saw. */
export async function closing(): Promise<number> {
  let seen = 0;
  let stopped = false;
  setHandler(item, () => {
    seen += 1;
  });
  setHandler(stop, () => {
    stopped = true;
  });
  await condition(() => stopped);
  return seen;
}

/** Runs one activity of any name with the options given; answers its result, or its failure in words. */
export async function runOne(type: string, args: unknown[], options: ActivityOptions): Promise<unknown> {
  try {
    return await executeActivity(type, { ...options, args });
  } catch (error) {
    const lines: string[] = [];
    for (let each: unknown = error; each instanceof Error; each = each.cause) lines.push(`${each.name}: ${each.message}`);
    return lines;
  }
}

/** Cancels its activity after the signal, by a scope. */
export async function cancels(file: string): Promise<string> {
  const scope = new CancellationScope();
  const result = scope.run(() => executeActivity('stoppable', { args: [file], startToCloseTimeout: '1m', heartbeatTimeout: '2s' }));
  setHandler(stop, () => scope.cancel());
  try {
    await result;
    return 'not cancelled';
  } catch (error) {
    return isCancellation(error) ? 'cancelled' : String(error);
  }
}

/** Asks for more than the limit. */
export async function hugeArgument(): Promise<unknown> {
  try {
    return await executeActivity('echo', { args: ['x'.repeat(2_200_000)], startToCloseTimeout: '1m' });
  } catch (error) {
    throw ApplicationFailure.nonRetryable((error as Error).message);
  }
}

/** Answers queries with as much as it is asked for. */
export async function talkative(): Promise<void> {
  let stopped = false;
  setHandler(defineQuery<string, [size: number]>('say'), (size) => 'x'.repeat(size));
  setHandler(stop, () => {
    stopped = true;
  });
  await condition(() => stopped);
}
