// The API outside the sandbox, and what its options become.

import { afterAll, beforeAll, expect, expectTypeOf, test } from 'vitest';
import { engineFor } from '../../test/support/engine.ts';
import { createRunLog, lines } from '../../test/support/run-log.ts';
import type { WorkflowEngine } from '../worker/engine.ts';
import * as api from './index.ts';

let engine: WorkflowEngine;
beforeAll(async () => {
  engine = await engineFor('activation.ts');
}, 20_000);
afterAll(() => engine.close());

test('definitions and errors work outside workflow code, steps say why they do not', () => {
  expect(api.defineSignal<[n: number]>('add')).toEqual({ type: 'signal', name: 'add' });
  expect(api.defineQuery<number>('total')).toEqual({ type: 'query', name: 'total' });
  expect(() => api.defineSignal('')).toThrow('the name must be text');
  const { work } = api.proxyActivities<{ work(): void }>({ startToCloseTimeout: '1m' });
  for (const [name, step] of Object.entries({
    sleep: () => api.sleep(1),
    condition: () => api.condition(() => true),
    'activity work': () => work(),
    workflowInfo: () => api.workflowInfo(),
    uuid4: () => api.uuid4(),
    setVar: () => api.setVar('a', 1),
    CancellationScope: () => new api.CancellationScope(),
  })) {
    expect(step).toThrow(`${name}: only workflow code that runs in a Perdure worker can call this`);
  }
});

test('wrong options are refused at once, naming the field', () => {
  expect(() => api.proxyActivities({})).toThrow('one of startToCloseTimeout and scheduleToCloseTimeout is required');
  expect(() => api.proxyActivities({ startToCloseTimeout: '5 parsecs' })).toThrow(/^startToCloseTimeout: "5 parsecs"/);
  expect(() => api.proxyActivities({ startToCloseTimeout: 1, cancellationType: 'maybe' as never })).toThrow('(known: wait, try, abandon)');
  expect(() => api.proxyActivities({ startToCloseTimeout: 1, retry: { backoffCoefficient: 0.5 } })).toThrow(
    'retry.backoffCoefficient: 0.5 is less than 1',
  );
  expect(() => api.proxyActivities({ startToCloseTimeout: 1, retry: { maximumAttempts: 1.5 } })).toThrow('retry.maximumAttempts: 1.5');
  expect(() => api.setHandler({} as never, () => {})).toThrow('must come from defineSignal, defineQuery or defineUpdate');
});

test('an activity proxy is no thenable', async () => {
  const proxy = api.proxyActivities({ startToCloseTimeout: 1 });
  expect(await Promise.resolve(proxy)).toBe(proxy);
});

test('options reach the command as they were meant', async () => {
  const log = createRunLog('optioned');
  const completion = await log.run(engine);
  const command = completion.commands[0]?.attributes;
  expect(command).toMatchObject({
    $case: 'scheduleActivity',
    value: {
      number: 1,
      activityId: 'chosen',
      activityType: 'act',
      taskQueue: 'elsewhere',
      scheduleToCloseTimeout: { seconds: 3600n, nanos: 0 },
      startToCloseTimeout: { seconds: 90n, nanos: 0 },
      scheduleToStartTimeout: { seconds: 1n, nanos: 500_000_000 },
      heartbeatTimeout: { seconds: 10n, nanos: 0 },
      retryPolicy: { backoffCoefficient: 3, maximumAttempts: 5, nonRetryableErrorTypes: ['Refused'] },
    },
  });
  log.completeActivity(1, 41);
  expect(lines(await log.run(engine))).toEqual(['activity 2 by name("x", undefined)']);
  log.completeActivity(2, 'named');
  expect(lines(await log.run(engine))).toEqual(['complete [42,"named"]']);
});

test('results of activities and arguments of handlers have the types they have after JSON', () => {
  interface Activities {
    when(order: { id: string }): Promise<Date>;
    find(id: string): { at: Date; count?: number } | undefined;
    done(): void;
  }
  const { when, find, done } = api.proxyActivities<Activities>({ startToCloseTimeout: 1 });
  expectTypeOf(when).toEqualTypeOf<(order: { id: string }) => Promise<string>>();
  expectTypeOf(find).returns.resolves.toEqualTypeOf<{ at: string; count?: number } | undefined>();
  expectTypeOf(done).returns.resolves.toEqualTypeOf<void>();
  expectTypeOf(api.executeActivity<Date>).returns.resolves.toEqualTypeOf<string>();
  const until = api.defineSignal<[when: Date, why?: string]>('until');
  const handle = (): void =>
    api.setHandler(until, (when, why) => {
      expectTypeOf(when).toEqualTypeOf<string>();
      expectTypeOf(why).toEqualTypeOf<string | undefined>();
    });
  // @ts-expect-error a Date arrives as text
  const wrong = (): void => api.setHandler(until, (_when: Date) => {});
  expect([handle, wrong]).toHaveLength(2);
});
