// What outsiders see of a run, and read-only calls.

import {
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  log,
  metrics,
  proxyActivities,
  random,
  setHandler,
  setVar,
  setWorkflowOptions,
  sleep,
  upsertMemo,
  upsertSearchAttributes,
  uuid4,
  workflowInfo,
} from '@perdure/sdk/workflow';

interface Activities {
  work(...args: unknown[]): Promise<unknown>;
}

const { work } = proxyActivities<Activities>({ startToCloseTimeout: '1m' });
const push = defineSignal<[value: unknown]>('push');
const other = defineSignal('other');
const peek = defineQuery<unknown, [arg?: unknown]>('peek');

export async function asking(): Promise<void> {
  let value: unknown = 'start';
  const scope = new CancellationScope();
  const inScope = scope.run(() => work('in scope'));
  inScope.catch(() => {});
  const late = async (): Promise<void> => {
    random();
    try {
      await sleep(1);
    } catch (error) {
      value = (error as Error).message;
    }
  };
  setHandler(push, (next) => {
    value = next;
  });
  setHandler(peek, (arg?: unknown) => {
    if (arg === 'write') void sleep(1);
    if (arg === 'cancel') scope.cancel();
    if (arg === 'scope') new CancellationScope();
    if (arg === 'options') setWorkflowOptions({ awaitHandlers: false });
    if (arg === 'later') void Promise.resolve().then(late);
    if (arg === 'async') return Promise.resolve(1);
    if (arg === 'random') return [Math.random(), uuid4()];
    return value;
  });
  setHandler(other, () => {});
  const waiting = [work('a'), sleep('1h'), condition(() => value === 'end')];
  await waiting[2];
  await work('after', random());
}

export async function properties(): Promise<unknown> {
  upsertMemo({ color: 'red', gone: undefined });
  upsertSearchAttributes({ Count: 3, Ratio: 0.5, Tags: ['a', 'b'], When: new Date(Date.now()), Open: true, Name: 'n' });
  setVar('step', 1);
  setVar('step', 2);
  setVar('other', { deep: true });
  log.info('hello', { n: 1 });
  metrics.count('orders', 2, { kind: 'new' });
  metrics.gauge('open', 7);
  console.log('from console', { a: 1 });
  await sleep('1s');
  setVar('other', undefined);
  log.info('again');
  metrics.record('took', 12.5);
  const { memo, searchAttributes, historyLength, continueAsNewSuggested, runId, workflowType, namespace } = workflowInfo();
  return { memo, searchAttributes, historyLength, continueAsNewSuggested, runId, workflowType, namespace };
}

export async function predicateWrites(): Promise<string> {
  try {
    await condition(() => {
      void work('from predicate');
      return true;
    });
    return 'allowed';
  } catch (error) {
    return (error as Error).message;
  }
}

/** Predicates that draw, throw or are async. */
export async function predicates(kind: string): Promise<unknown> {
  const before = random();
  try {
    await condition(() => {
      if (kind === 'throws') throw new RangeError('from the predicate');
      if (kind === 'async') return Promise.resolve(true) as unknown as boolean;
      return random() < 2 && random() < 2;
    }, '1m');
    return [before, random()];
  } catch (error) {
    return (error as Error).message;
  }
}

export async function draws(): Promise<unknown> {
  return [random(), random()];
}

export async function manyVariables(): Promise<string> {
  setVar('a', 'x'.repeat(40_000));
  try {
    setVar('b', 'x'.repeat(40_000));
    return 'taken';
  } catch (error) {
    return (error as Error).message;
  }
}
