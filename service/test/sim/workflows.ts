// Workflows of the simulation: every concept in small, each with a result that says whether all of it happened.

import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  proxyActivities,
  random,
  setHandler,
  setVar,
  sleep,
  startChild,
  upsertMemo,
  workflowInfo,
} from '@perdure/sdk/workflow';
import type { Activities } from './activities.ts';
import { clumsyWith } from './clumsy.ts';

const quick = proxyActivities<Activities>({ startToCloseTimeout: '20s', retry: { initialInterval: '200ms', maximumInterval: '2s' } });
const once = proxyActivities<Activities>({ startToCloseTimeout: '8s', retry: { maximumAttempts: 1 } });
const thrice = proxyActivities<Activities>({ startToCloseTimeout: '8s', retry: { initialInterval: '100ms', maximumAttempts: 3 } });
const endless = proxyActivities<Activities>({ scheduleToCloseTimeout: '3h', retry: { initialInterval: '200ms', maximumInterval: '2s' } });
const alive = proxyActivities<Activities>({
  startToCloseTimeout: '2m',
  heartbeatTimeout: '3s',
  retry: { initialInterval: '100ms', maximumInterval: '1s' },
});

/** Activities one after another, then some at once: the sum of doubled numbers. */
export async function pipeline(numbers: number[]): Promise<number> {
  let sum = 0;
  for (const number of numbers.slice(0, 2)) sum += await quick.double(number);
  const rest = await Promise.all(numbers.slice(2).map((number) => quick.double(number)));
  return rest.reduce((all, one) => all + one, sum);
}

/** As above, without a limit for attempts that get lost: they must not. */
export async function trusting(numbers: number[]): Promise<number> {
  let sum = 0;
  for (const number of numbers) sum += await endless.double(number);
  return sum;
}

/** Who waits that long must be told to end. */
const LONGER_THAN_THE_WORLD = 48 * 3_600_000;

/** Waits; how long each wait took at least. */
export async function napper(naps: number[]): Promise<number> {
  const from = Date.now();
  for (const [index, nap] of naps.entries()) {
    setVar('nap', index);
    await sleep(nap);
  }
  return Date.now() - from;
}

/** A timer for each, all at once, one of them cancelled. */
export async function alarms(delays: number[]): Promise<number[]> {
  const scope = new CancellationScope();
  const dropped = scope.run(() => sleep(60_000)).catch((error: unknown) => isCancellation(error));
  const rung: number[] = [];
  await Promise.all(delays.map((delay) => sleep(delay).then(() => rung.push(delay))));
  scope.cancel();
  await dropped;
  return rung;
}

const add = defineSignal<[value: number]>('add');
const tell = defineSignal<[value: number]>('tell');
const finish = defineSignal('finish');
const taken = defineQuery<number[]>('taken');

/** Takes numbers until it is told to finish, or a time has passed. */
export async function collector(patience: number): Promise<number[]> {
  const values: number[] = [];
  let done = false;
  setHandler(add, (value) => {
    values.push(value);
  });
  setHandler(finish, () => {
    done = true;
  });
  setHandler(taken, () => values);
  await condition(() => done, patience);
  return values;
}

/** As collector, by a chain of runs: a new one after each few numbers, and one that goes on before it has looked at any. */
export async function entity(patience: number, each: number, until: number, values: number[], hasty: boolean): Promise<number[]> {
  const end = until === 0 ? Date.now() + patience : until;
  const next = (again: boolean): never => continueAsNew<typeof entity>(patience, each, end, values, again);
  if (hasty) {
    await sleep(200);
    next(false);
  }
  let fresh = 0;
  let done = false;
  setHandler(add, (value) => {
    values.push(value);
    fresh += 1;
  });
  setHandler(finish, () => {
    done = true;
  });
  const woken = await condition(() => done || fresh >= each, Math.max(0, end - Date.now()));
  if (done || !woken) return values;
  return next(values.length % 2 === 0);
}

/** Fails until its last run; what it was told of the one before. Each run leaves a child for each policy, one of them perhaps before its start. */
export async function stubborn(attempts: number): Promise<string> {
  const { attempt, lastFailure } = workflowInfo();
  await Promise.all([
    startChild(patient, { args: [LONGER_THAN_THE_WORLD], parentClosePolicy: 'terminate' }),
    startChild(patient, { args: [LONGER_THAN_THE_WORLD], parentClosePolicy: 'requestCancel' }),
    startChild(patient, { args: [1_000 * attempt], parentClosePolicy: 'abandon' }),
  ]);
  await sleep(100);
  void startChild(patient, { args: [LONGER_THAN_THE_WORLD], parentClosePolicy: 'terminate' }).catch(() => {});
  if (attempt < attempts) throw ApplicationFailure.retryable(`attempt ${attempt}`, 'Stubborn');
  return lastFailure?.message ?? '';
}

/** Each signal asks for an activity. */
export async function worker(patience: number): Promise<number> {
  let sum = 0;
  let done = false;
  setHandler(add, async (value) => {
    const doubled = await quick.double(value);
    // Only now: other handlers have added meanwhile.
    sum += doubled;
  });
  setHandler(finish, () => {
    done = true;
  });
  await condition(() => done, patience);
  await condition(allHandlersFinished);
  return sum;
}

/** Activities that may run once or thrice; how each ended. */
export async function risky(count: number): Promise<string[]> {
  const outcome = async (run: () => Promise<string>): Promise<string> => {
    try {
      return await run();
    } catch (error) {
      if (error instanceof ActivityFailure) return 'failed';
      throw error;
    }
  };
  const outcomes: string[] = [];
  for (let number = 0; number < count; number += 1) {
    outcomes.push(await outcome(() => once.charge(number)));
    outcomes.push(await outcome(() => thrice.charge(number)));
  }
  return outcomes;
}

/** The corrected version of what fails its tasks in flawed.ts. */
export function clumsy(input: Parameters<typeof clumsyWith>[1]): ReturnType<typeof clumsyWith> {
  return clumsyWith(() => {}, input);
}

/** Results, arguments and an end of any size: one load, then others at once that are made from it. */
export async function hauler(sizes: number[]): Promise<{ sizes: number[]; last: string }> {
  const [first = 0, ...others] = sizes;
  const load = await quick.haul(first);
  const loads = [load, ...(await Promise.all(others.map((size) => quick.haul(size, load))))];
  return { sizes: loads.map((each) => each.length), last: loads.at(-1) ?? '' };
}

/** A child for each number, which doubles it and tells it by a signal too. */
export async function family(numbers: number[]): Promise<{ sum: number; told: number[] }> {
  const told: number[] = [];
  setHandler(tell, (value) => {
    told.push(value);
  });
  const results = await Promise.all(numbers.map((number) => executeChild(offspring, { args: [number] })));
  await condition(() => told.length >= numbers.length);
  return { sum: results.reduce((all, one) => all + one, 0), told };
}

export async function offspring(number: number): Promise<number> {
  const { parent } = workflowInfo();
  // The parent may have closed.
  await getExternalWorkflowHandle(parent?.workflowId ?? '', parent?.runId)
    .signal(tell, number)
    .catch(() => {});
  return await quick.double(number);
}

/** Long, with signs of life. */
export async function heart(seconds: number): Promise<number> {
  return await alive.beat(seconds);
}

/** Waits to be cancelled, then cleans up; ends by itself after a time. */
export async function patient(patience: number): Promise<string> {
  try {
    await sleep(patience);
    return 'not cancelled';
  } catch (error) {
    if (!isCancellation(error)) throw error;
    const cleaned = await CancellationScope.nonCancellable(() => quick.double(21));
    setVar('cleaned', cleaned);
    throw error;
  }
}

/** Activities against timers and each other; chance decides what comes first. */
export async function racer(rounds: number): Promise<number> {
  let finished = 0;
  for (let round = 0; round < rounds; round += 1) {
    const scope = new CancellationScope();
    const nap = Math.floor(random() * 3_000);
    const work = scope
      .run(() => quick.linger(Math.floor(random() * 3_000)))
      .then(
        () => 1,
        () => 0,
      );
    const winner = await Promise.race([work, sleep(nap).then(() => -1)]);
    if (winner === 1) finished += 1;
    scope.cancel();
    await work;
    upsertMemo({ round });
  }
  return workflowInfo().workflowId === '' ? -1 : finished;
}
