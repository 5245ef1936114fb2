// Workflows whose steps depend on everything a workflow may observe: what the property test of replay drives at random.

import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  defineSignal,
  isCancellation,
  proxyActivities,
  random,
  saga,
  setHandler,
  setVar,
  sleep,
  upsertMemo,
  uuid4,
  workflowInfo,
} from '@perdure/sdk/workflow';

interface Activities {
  work(...args: unknown[]): Promise<unknown>;
}

const waiting = proxyActivities<Activities>({ startToCloseTimeout: '1m' });
const trying = proxyActivities<Activities>({ startToCloseTimeout: '1m', cancellationType: 'try' });
const leaving = proxyActivities<Activities>({ startToCloseTimeout: '1m', cancellationType: 'abandon' });
const add = defineSignal<[n: number]>('add');
const late = defineSignal<[n: number]>('late');

/** A queue filled by signals, emptied in rounds, with everything observable in the arguments of activities. */
export async function rounds(count: number): Promise<unknown> {
  const queue: number[] = [];
  const seen: unknown[] = [];
  setHandler(add, (n) => {
    queue.push(n);
  });
  for (let round = 0; round < count; round += 1) {
    const arrived = await condition(() => queue.length > 0, '10s');
    const facts = { arrived, n: queue.shift(), now: Date.now(), length: workflowInfo().historyLength, random: Math.random(), id: uuid4() };
    try {
      seen.push(await waiting.work(facts));
    } catch (error) {
      if (isCancellation(error)) throw error;
      seen.push((error as Error).message);
    }
    setVar('round', round);
  }
  setHandler(late, async (n) => {
    seen.push(await waiting.work('late', n));
  });
  await condition(() => allHandlersFinished());
  return seen;
}

/** One step after the other: what goes on by itself. Every third waits for a signal or a while as well. */
export async function steps(count: number): Promise<unknown> {
  const seen: unknown[] = [];
  let signals = 0;
  setHandler(add, (n) => {
    signals += n;
  });
  for (let step = 0; step < 3 * count; step += 1) {
    const { historyLength, historySize, continueAsNewSuggested } = workflowInfo();
    const facts = { signals, now: Date.now(), historyLength, historySize, continueAsNewSuggested, random: Math.random(), id: uuid4() };
    seen.push(await waiting.work(facts).catch((error: unknown) => (error as Error).message));
    if (step % 3 === 2) await condition(() => signals > 10, '10s');
  }
  return seen;
}

/** Steps side by side, races, and one that is cancelled by the loser. */
export async function races(): Promise<unknown> {
  const outcomes: unknown[] = [];
  const note = (name: string) => (value: unknown) => void outcomes.push([name, String(value), Date.now()]);
  for (let turn = 0; turn < 3; turn += 1) {
    const scope = new CancellationScope();
    const inside = scope.run(async () => {
      await Promise.all([waiting.work('w', turn), trying.work('t', turn), leaving.work('l', turn), sleep(1000 * (turn + 1))]);
    });
    const outside = waiting.work('out', turn);
    await Promise.race([inside.catch(note('inside')), outside.catch(note('outside')), sleep('5s')]);
    scope.cancel();
    await inside.then(note('inside done'), note('inside over'));
    await Promise.allSettled([outside]);
    upsertMemo({ turn, random: random() });
  }
  return outcomes;
}

/** Handlers that take turns behind a lock, and cleaning up after a cancel request. */
export async function locked(): Promise<unknown> {
  let busy = false;
  let most = 0;
  let inside = 0;
  const done: unknown[] = [];
  setHandler(add, async (n) => {
    await condition(() => !busy);
    busy = true;
    inside += 1;
    most = Math.max(most, inside);
    try {
      done.push([n, await trying.work('locked', n)]);
    } catch (error) {
      done.push([n, (error as Error).message]);
    } finally {
      inside -= 1;
      busy = false;
    }
  });
  try {
    await condition(() => done.length >= 3, '1m');
    await CancellationScope.withTimeout('20s', () => waiting.work('limited', done));
  } catch (error) {
    if (!isCancellation(error)) throw ApplicationFailure.nonRetryable('gone wrong', 'Gone', String(error));
    await CancellationScope.nonCancellable(async () => {
      await waiting.work('clean up', most);
      await sleep(100);
    });
  }
  return { done, most };
}

/** Sagas in scopes that are cancelled by signals, and scopes that look at themselves. */
export async function sagas(count: number): Promise<unknown> {
  const seen: unknown[] = [];
  let scope = CancellationScope.current();
  setHandler(add, (n) => {
    if (n > 5 && scope !== CancellationScope.current()) scope.cancel(`signal ${n}`);
  });
  for (let turn = 0; turn < count; turn += 1) {
    scope = new CancellationScope();
    const trip = scope.run(() =>
      saga(
        async (undo) => {
          for (const part of ['a', 'b', 'c']) {
            undo.addCompensation(async () =>
              seen.push([part, await waiting.work('undo', part, CancellationScope.current().cancelRequested)]),
            );
            await trying.work('do', part, seen.length);
          }
        },
        { parallel: turn % 2 === 1 },
      ),
    );
    await trip.catch((error: unknown) => seen.push((error as Error).message, scope.cancelRequested));
  }
  return seen;
}
