// One workflow per rule of activation order and closing.

import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  defineSignal,
  executeActivity,
  isCancellation,
  proxyActivities,
  setDefaultSignalHandler,
  setHandler,
  setWorkflowOptions,
  sleep,
} from '@perdure/sdk/workflow';

interface Activities {
  work(...args: unknown[]): Promise<unknown>;
}

const { work } = proxyActivities<Activities>({ startToCloseTimeout: '1m' });
const push = defineSignal<[value: unknown]>('push');

/** Main returns on a timer while a handler starts an activity. */
export async function timerOrSignal(): Promise<string> {
  setHandler(push, async () => {
    await work('from handler');
  });
  await sleep('1s');
  return 'main';
}

export async function withoutWaiting(): Promise<string> {
  setWorkflowOptions({ awaitHandlers: false });
  setHandler(push, async () => {
    await work('from handler');
  });
  await sleep('1s');
  return 'main';
}

/** Wakes on the first value and must see the second too. */
export async function drain(): Promise<unknown[]> {
  const queue: unknown[] = [];
  setHandler(push, (value) => {
    queue.push(value);
  });
  await condition(() => queue.length > 0);
  return queue.splice(0);
}

/** Looks at the queue once, at once. */
export async function lookOnce(): Promise<unknown[]> {
  const queue: unknown[] = [];
  setHandler(push, (value) => {
    queue.push(value);
  });
  return queue;
}

export async function waitAtMost(): Promise<boolean> {
  let ready = false;
  setHandler(push, () => {
    ready = true;
  });
  return await condition(() => ready, '10s');
}

/** A time-out and the result that makes the predicate true, in one activation. */
export async function timeoutAndResult(): Promise<boolean> {
  let ready = false;
  void work('ready').then(() => {
    ready = true;
  });
  return await condition(() => ready, '10s');
}

/** Three that want one lock. */
export async function mutex(): Promise<number> {
  let locked = true;
  let inside = 0;
  let most = 0;
  setHandler(push, () => {
    locked = false;
  });
  const enter = async (): Promise<void> => {
    await condition(() => !locked);
    locked = true;
    inside += 1;
    most = Math.max(most, inside);
    await Promise.resolve();
    inside -= 1;
    locked = false;
  };
  await Promise.all([enter(), enter(), enter()]);
  return most;
}

/** Handlers set one after the other take over what waited, in order. */
export async function lateHandlers(): Promise<unknown[]> {
  const seen: unknown[] = [];
  await sleep('1s');
  setHandler(push, (value) => {
    seen.push(value);
  });
  setDefaultSignalHandler((name, ...args) => {
    seen.push([name, ...args]);
  });
  return seen;
}

const first = defineSignal('first');
const second = defineSignal<[n: number]>('second');

/** The handler of a signal sets the one of an earlier signal, and of later ones. */
export async function handlersFromHandlers(): Promise<unknown[]> {
  const seen: unknown[] = [];
  await sleep('1s');
  setHandler(first, () => {
    seen.push('first');
    setHandler(second, (n) => {
      seen.push(n);
    });
  });
  return seen;
}

/** A handler that is cancelled while main cleans up. */
export async function cancelledHandler(): Promise<string> {
  setHandler(push, async () => {
    await sleep('1h');
  });
  try {
    await condition(() => false);
  } catch {
    await CancellationScope.nonCancellable(() => work('clean up'));
  }
  return 'cleaned up';
}

export async function cancelKinds(): Promise<unknown> {
  const kinds = ['wait', 'try', 'abandon'] as const;
  const calls = kinds.map(async (cancellationType) => {
    const kind = proxyActivities<Activities>({ startToCloseTimeout: '1m', cancellationType });
    try {
      return [cancellationType, await kind.work(cancellationType)];
    } catch (error) {
      return [cancellationType, isCancellation(error)];
    }
  });
  return await Promise.all(calls);
}

export async function cancelAndClean(): Promise<void> {
  try {
    await sleep('1h');
  } catch (error) {
    if (!(error instanceof CancelledFailure)) throw error;
    await CancellationScope.nonCancellable(() => work('clean up'));
    throw error;
  }
}

export async function shielded(): Promise<string> {
  try {
    await CancellationScope.shield(() => work('important'));
    return 'done';
  } catch (error) {
    return `${(error as Error).name}`;
  }
}

export async function timeLimited(): Promise<string> {
  try {
    await CancellationScope.withTimeout('5s', () => work('slow'));
    return 'in time';
  } catch (error) {
    return isCancellation(error) ? 'too late' : String(error);
  }
}

/** Starts in one task and takes back in the same. */
export async function startAndCancel(): Promise<string> {
  const scope = new CancellationScope();
  const all = scope.run(async () => {
    await Promise.all([sleep('1m'), work('x')]);
  });
  scope.cancel();
  await all.catch(() => {});
  return 'done';
}

export async function failing(kind: string): Promise<void> {
  if (kind === 'application') throw ApplicationFailure.nonRetryable('no', 'Refused', { code: 7 });
  if (kind === 'activity') await work('breaks');
  if (kind === 'named') throw new KnownError('known');
  throw new TypeError('a bug');
}

export class KnownError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'KnownError';
  }
}

export async function failingHandler(): Promise<void> {
  setHandler(push, async (value) => {
    await sleep(1);
    throw ApplicationFailure.nonRetryable(String(value), 'FromHandler');
  });
  await condition(() => false);
}

export async function timeouts(): Promise<unknown[]> {
  const seen: unknown[] = [];
  await new Promise<void>((resolve) => {
    const taken = setTimeout(() => seen.push('never'), 500);
    setTimeout((word: string) => seen.push(word), 1000, 'later');
    setTimeout(() => {
      clearTimeout(taken);
      resolve();
    }, 100);
  });
  await sleep('1s');
  return seen;
}

export async function large(): Promise<void> {
  const text = 'x'.repeat(900_000);
  await Promise.all([1, 2, 3, 4].map((n) => work(n, text)));
}

export async function tooLargeInput(): Promise<string> {
  try {
    await work('y'.repeat(2_200_000));
    return 'sent';
  } catch (error) {
    return (error as Error).message;
  }
}

export async function optioned(): Promise<unknown> {
  const { act } = proxyActivities<{ act(n: number): number }>({
    scheduleToCloseTimeout: '1h',
    startToCloseTimeout: '90s',
    scheduleToStartTimeout: 1500,
    heartbeatTimeout: '10s',
    taskQueue: 'elsewhere',
    activityId: 'chosen',
    retry: { initialInterval: '2s', backoffCoefficient: 3, maximumInterval: '1m', maximumAttempts: 5, nonRetryableErrorTypes: ['Refused'] },
  });
  const sum = (await act(1)) + 1;
  return [sum, await executeActivity('by name', { startToCloseTimeout: 1000, args: ['x', undefined] })];
}

/** Steps after an await still belong to the scope they are written in; side by side with another scope. */
export async function scopesAfterAwait(): Promise<unknown> {
  const ends: string[] = [];
  const part = (name: string): Promise<void> =>
    CancellationScope.cancellable(async () => {
      await work(name);
      try {
        await sleep('1h');
        ends.push(`${name} slept`);
      } catch (error) {
        ends.push(`${name} ${(error as Error).name}`);
      }
    });
  const limited = CancellationScope.withTimeout('5s', () => part('limited'));
  await Promise.all([limited, CancellationScope.nonCancellable(() => part('protected'))]);
  return ends;
}
