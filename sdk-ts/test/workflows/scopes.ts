// Scopes and sagas, each step an activity.

import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  defineQuery,
  defineSignal,
  isCancellation,
  proxyActivities,
  saga,
  setHandler,
  sleep,
} from '@perdure/sdk/workflow';

interface Activities {
  work(...args: unknown[]): Promise<unknown>;
}

const { work } = proxyActivities<Activities>({ startToCloseTimeout: '1m', cancellationType: 'try' });

/** Whatever waits in a scope ends with its reason; what is around it goes on. */
export async function reasons(): Promise<unknown> {
  const outer = CancellationScope.current();
  const around = work('around');
  const scope = new CancellationScope();
  const waiting = scope.run(async () => {
    const same = CancellationScope.current() === scope;
    const steps = [
      sleep('1h'),
      condition(() => false),
      condition(() => false, '1h'),
      work('inside'),
      CancellationScope.current().whenCancelled,
    ];
    const inner = CancellationScope.cancellable(() => sleep('1h'));
    const kept = CancellationScope.nonCancellable(async () => {
      await sleep('1s');
      return CancellationScope.current().cancelRequested;
    });
    const ends = await Promise.allSettled([...steps, inner]);
    return { same, ends: ends.map((end) => (end.status === 'rejected' ? whyCancelled(end.reason) : end.value)), kept: await kept };
  });
  setHandler(defineQuery<boolean[]>('requested'), () => [scope.cancelRequested, CancellationScope.current().cancelRequested]);
  setHandler(defineSignal('stop'), () => scope.cancel('too late'));
  return { ...(await waiting), around: await around, outer: outer.cancelRequested, root: outer === CancellationScope.current() };
}

function whyCancelled(error: unknown): string {
  if (!isCancellation(error)) return `not cancelled: ${String(error)}`;
  return error instanceof CancelledFailure ? error.message : ((error as Error).cause as Error).message;
}

/** A cancelled scope begins nothing. */
export async function nothingBegins(): Promise<unknown> {
  const scope = new CancellationScope();
  scope.cancel();
  const tries: (() => Promise<unknown>)[] = [
    () => sleep(1),
    () => work('never'),
    () => condition(() => true),
    () => condition(() => true, 1),
    () => CancellationScope.withTimeout(1, () => sleep(1)),
    () => CancellationScope.shield(async () => 'shielded'),
  ];
  const ends = await scope.run(() => Promise.allSettled(tries.map((one) => one())));
  return ends.map((end) => (end.status === 'rejected' ? isCancellation(end.reason) : end.value));
}

/** Ends itself as if somebody had asked for it. */
export async function cancelsItself(): Promise<void> {
  CancellationScope.current().cancel('enough');
  await sleep('1h');
}

/** A trip of three bookings; `parallel` compensations. */
export async function trip(parallel: boolean, bug = false): Promise<unknown> {
  return await saga(
    async (undo) => {
      for (const part of ['flight', 'hotel', 'car']) {
        undo.addCompensation(() => work(`cancel ${part}`));
        await work(`book ${part}`);
        if (bug) throw new TypeError('a mistake in the code');
      }
      return 'booked';
    },
    { parallel },
  );
}

/** Compensations with a mistake in one of them. */
export async function brokenUndo(): Promise<void> {
  await saga(async (undo) => {
    undo.addCompensation(() => work('cancel first'));
    undo.addCompensation(() => {
      throw new RangeError('a mistake in the code');
    });
    throw ApplicationFailure.nonRetryable('no rooms', 'Full');
  });
}
