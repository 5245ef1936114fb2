// What workflow code is told when it asks for something wrong, and what it sees of steps that end badly.

import {
  CancellationScope,
  CancelledFailure,
  condition,
  defineQuery,
  defineSignal,
  executeActivity,
  proxyActivities,
  setHandler,
  sleep,
  waitUntil,
} from '@perdure/sdk/workflow';

interface Activities {
  work(): Promise<unknown>;
}

const { work } = proxyActivities<Activities>({ startToCloseTimeout: '1m' });
const { work: tryWork } = proxyActivities<Activities>({ startToCloseTimeout: '1m', cancellationType: 'try' });

const go = defineSignal('go');
const secret = defineQuery<number>('secret');

async function messageOf(call: () => unknown): Promise<string> {
  try {
    await call();
    return 'nothing';
  } catch (error) {
    return (error as Error).message;
  }
}

/** Messages of wrong calls, in order. */
export async function wrongCalls(): Promise<string[]> {
  const wrong: (() => unknown)[] = [
    () => executeActivity('', { startToCloseTimeout: 1 }),
    () => executeActivity('work', { startToCloseTimeout: 1, activityId: '' }),
    () => condition(true as never),
    () => condition(() => true, 'soon' as never),
    () => setTimeout('code' as never, 1),
    () => waitUntil(Number.NaN),
    () => sleep('soon' as never),
    () => CancellationScope.withTimeout('soon' as never, async () => {}),
  ];
  const told: string[] = [];
  for (const call of wrong) told.push(await messageOf(call));
  return told;
}

/** How an activity ended that did not complete. */
export async function ending(): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    const { message, cause, attempt, retryState, activityType, activityId } = error as Error & Record<string, unknown>;
    const { message: why, details, cause: before } = cause as Error & { details?: unknown[] };
    const told = details?.map((detail) => (detail instanceof Error ? detail.message : detail));
    return { message, attempt, retryState, activityType, activityId, why, details: told, before: (before as Error | undefined)?.message };
  }
}

/** An activity is given up at once by its scope; the run goes on for a second. */
export async function givenUp(): Promise<unknown> {
  const scope = new CancellationScope();
  const waiting = scope.run(() => tryWork());
  scope.cancel();
  const failure = (await waiting.catch((error: unknown) => error)) as Record<string, unknown>;
  await sleep('1s');
  return { attempt: failure.attempt, identity: failure.identity };
}

/** A scope's timer is taken back before the scope is cancelled. */
export async function takenBack(): Promise<string[]> {
  const seen: string[] = [];
  const ended = await CancellationScope.withTimeout('1h', async () => 'in time');
  seen.push(ended);
  await sleep('1s');
  return seen;
}

/** A time that comes, and one that has passed. */
export async function untilTimes(later: number): Promise<string> {
  await waitUntil(Date.now() + later);
  await waitUntil(0);
  return 'over';
}

/** Its handler works on; main waits as long, or not at all. */
export async function handled(ms: number): Promise<string> {
  setHandler(go, async () => {
    await work();
  });
  setHandler(secret, () => 7);
  setHandler(secret, undefined);
  if (ms > 0) await sleep(ms);
  return 'main is done';
}

/** Protected work in a scope that has been cancelled before. */
export async function shieldTooLate(): Promise<string[]> {
  const seen: string[] = [];
  const scope = new CancellationScope();
  scope.cancel();
  await scope
    .run(() =>
      CancellationScope.shield(async () => {
        await sleep('1s');
        seen.push('worked');
      }),
    )
    .catch((error: unknown) => seen.push(error instanceof CancelledFailure ? 'cancelled' : String(error)));
  await sleep('2s');
  return seen;
}

/** Conditions of which the first throws and the second is async: those behind them wake in order. */
export async function wrongConditions(): Promise<string[]> {
  let open = false;
  const woken: string[] = [];
  const predicates: Record<string, () => unknown> = {
    throwing() {
      if (open) throw new Error('no');
      return false;
    },
    second: () => open,
    asyncOne: () => open && Promise.resolve(true),
    fourth: () => open,
    fifth: () => open,
  };
  const waiting = Object.entries(predicates).map(async ([name, predicate]) => {
    await condition(predicate as () => boolean).then(
      () => woken.push(name),
      () => woken.push(`${name} failed`),
    );
  });
  await sleep(1);
  open = true;
  await Promise.all(waiting);
  return woken;
}

/** So many conditions that those which have ended are forgotten on the way. */
export async function crowd(size: number): Promise<number[]> {
  let open = -1;
  const woken: number[] = [];
  const waiting = Array.from({ length: size }, async (_, number) => {
    await condition(() => open >= 0);
    woken.push(number);
  });
  await sleep(1);
  open = size;
  await Promise.all(waiting);
  return woken;
}

/** The first condition comes true when the thousandth of the others has woken: it is asked again only after all of them. */
export async function lastFirst(size: number): Promise<number[]> {
  let open = false;
  const woken: number[] = [];
  const wait = async (number: number, predicate: () => boolean): Promise<void> => {
    await condition(predicate);
    woken.push(number);
  };
  const waiting = [wait(0, () => woken.length >= 1_000)];
  for (let number = 1; number < size; number += 1) waiting.push(wait(number, () => open));
  await sleep(1);
  open = true;
  await Promise.all(waiting);
  return woken;
}

/** An activity, then a sleep with a limit beside another sleep. */
export async function afterwards(): Promise<void> {
  await work();
  await Promise.all([CancellationScope.withTimeout('1h', () => sleep('2h')), sleep('3h')]);
}
