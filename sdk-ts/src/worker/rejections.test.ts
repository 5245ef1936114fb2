import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { activityTask, createTestLink, text } from '../../test/support/tasks.ts';
import { cancellationSignal, sleep } from '../activity/index.ts';
import { claimRejections } from '../common/rejections.ts';
import { type ActivityFunction, createActivityRunner } from './activities.ts';
import { watchRejections } from './rejections.ts';
import { createSlots } from './slots.ts';

// The test runner listens too; here its listeners would take what is of no activity.
let others: NodeJS.UnhandledRejectionListener[] = [];
beforeEach(() => {
  others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
});
afterEach(() => {
  process.removeAllListeners('unhandledRejection');
  for (const listener of others) process.on('unhandledRejection', listener);
});

const taken = { code: 0, reason: '', message: '', metadata: {}, retryAfter: undefined };

function setup(activities: Record<string, ActivityFunction>) {
  const fixture = createTestLink({
    completeActivityTasks: (request) => ({ errors: request.completions.map(() => taken), followUps: [], answerId: '', activityTasks: [] }),
  });
  const slots = createSlots(fixture.clock, 10);
  const table = new Map(Object.entries(activities));
  const runner = createActivityRunner(fixture.link, { activities: table, slots, giveBack: () => {}, followUp: async () => undefined });
  const stop = watchRejections(fixture.link, runner);
  const ends = (): string[] =>
    fixture
      .requests('completeActivityTasks')
      .flatMap(({ completions }) =>
        completions.map(({ token, outcome }) => `${text(token)} ${outcome?.$case === 'failed' ? outcome.value.message : outcome?.$case}`),
      );
  const take = (token: string): void => {
    slots.takeShare(1, 1);
    runner.take([activityTask(token)]);
  };
  return { ...fixture, runner, ends, take, stop };
}

test('R-SDK-2: a rejection nobody listens to fails the attempt it belongs to, tells its code to stop, and is logged once', async () => {
  let reason: unknown;
  const { clock, take, ends, lines, stop } = setup({
    async work() {
      cancellationSignal().addEventListener('abort', () => {
        reason = cancellationSignal().reason;
      });
      void Promise.reject(new RangeError('forgotten'));
      await sleep('1h');
    },
  });
  take('a');
  await vi.waitFor(() => expect(lines).toHaveLength(1));
  await clock.settle();
  expect(ends()).toEqual(['a forgotten']);
  expect(lines).toEqual(['error: a promise of activity code was rejected and nobody listened: the attempt fails']);
  expect((reason as Error).message).toContain('the attempt has failed');
  stop();
});

test('R-SDK-2: after the end of its attempt, or outside of activities, it is logged, and the worker goes on', async () => {
  const { clock, take, ends, lines, stop } = setup({
    work: () => void setImmediate(() => void Promise.reject(new Error('late'))),
  });
  take('a');
  await clock.settle();
  expect(ends()).toEqual(['a completed']);
  await vi.waitFor(() => expect(lines.join()).toContain('the attempt has ended already'));
  void Promise.reject(Object.create(null));
  await vi.waitFor(() => expect(lines.join()).toContain('it belongs to no activity, and the worker goes on'));
  take('b');
  await clock.settle();
  expect(ends()).toEqual(['a completed', 'b completed']);
  stop();
});

test('where somebody else listens, only what belongs to an attempt is taken; without a worker nothing is', () => {
  const heard: unknown[] = [];
  const { lines, stop } = setup({ work: () => {} });
  process.on('unhandledRejection', (reason) => heard.push(reason));
  process.emit('unhandledRejection', 'of the program', Promise.resolve());
  expect([heard, lines]).toEqual([['of the program'], []]);
  stop();
  stop();
  expect(process.listenerCount('unhandledRejection')).toBe(1);
  const other = claimRejections(() => false);
  process.removeAllListeners('rejectionHandled');
  expect(() => process.listeners('unhandledRejection').at(-1)?.('x', Promise.resolve())).not.toThrow();
  process.removeAllListeners('unhandledRejection');
  other();
});
