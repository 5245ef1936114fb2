import type { ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import { expect, test } from 'vitest';
import { gate, never, refusal, type Script } from '../../test/support/scripted-api.ts';
import { activityTask, createTestLink, text } from '../../test/support/tasks.ts';
import { cancellationSignal } from '../activity/index.ts';
import type { ActivityFunction } from './activities.ts';
import { createLife } from './lifecycle.ts';

const taken = { code: 0, reason: '', message: '', metadata: {}, retryAfter: undefined };

/** A worker for activities; `queue` is what the service gives out. */
function setup(activities: Record<string, unknown>, options: { concurrency?: number; polls?: number } = {}, script: Script = {}) {
  const queue: ActivityTask[] = [];
  let answers = 0;
  let wake: (() => void)[] = [];
  let told = false;
  const fixture = createTestLink({
    async pollActivityTasks(request, call) {
      while (queue.length === 0 && !told) {
        await Promise.race([new Promise<void>((resolve) => wake.push(resolve)), never(call?.abort)]);
      }
      return { answerId: `answer-${++answers}`, tasks: queue.splice(0, request.maxTasks) };
    },
    completeActivityTasks: (request) => ({
      errors: request.completions.map(() => taken),
      followUps: [],
      answerId: '',
      activityTasks: [],
    }),
    heartbeatActivities: (request) => ({
      results: request.heartbeats.map(() => ({ cancelRequested: false, paused: false, reset: false, error: undefined })),
    }),
    // The service answers the polls of a worker that shuts down.
    shutdownWorker: () => {
      told = true;
      give();
      return {};
    },
    returnTasks: () => ({}),
    ...script,
  });
  const life = createLife(fixture.link, {
    engine: undefined,
    activities: new Map(Object.entries(activities) as [string, ActivityFunction][]),
    maxConcurrentActivities: options.concurrency ?? 100,
    maxConcurrentWorkflowTasks: 100,
    polls: options.polls ?? 2,
    shutdownGrace: 25_000,
  });
  const give = (...tasks: ActivityTask[]): void => {
    queue.push(...tasks);
    const waiting = wake;
    wake = [];
    for (const resolve of waiting) resolve();
  };
  const returned = () =>
    fixture
      .requests('returnTasks')
      .flatMap((request) => [
        ...request.untouched.map((token) => `${text(token)} untouched`),
        ...request.begun.map((token) => `${text(token)} begun`),
      ]);
  const completed = () =>
    fixture.requests('completeActivityTasks').flatMap((request) => request.completions.map((item) => text(item.token)));
  return { ...fixture, life, queue, give, returned, completed };
}

test('polls ask for shares of the free slots and name the answers before', async () => {
  const { clock, life, give, requests, completed } = setup({ work: () => 1 });
  const ran = life.run();
  await clock.settle();
  expect(requests('pollActivityTasks').map((request) => request.maxTasks)).toEqual([34, 33]);
  give(activityTask('a'), activityTask('b'));
  await clock.settle();
  expect(completed()).toEqual(['a', 'b']);
  const named = [...requests('pollActivityTasks'), ...requests('completeActivityTasks')].flatMap((request) => request.receivedAnswerIds);
  expect(named).toEqual(['answer-1']);
  life.shutdown();
  await clock.settle();
  await ran;
  expect(clock.timers()).toBe(0);
});

test('never more attempts run than allowed, and freed slots are polled for', async () => {
  let running = 0;
  let most = 0;
  const ends: (() => void)[] = [];
  const { clock, life, give, completed } = setup(
    {
      work: async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise<void>((resolve) => ends.push(resolve));
        running -= 1;
      },
    },
    { concurrency: 3 },
  );
  void life.run();
  give(...Array.from({ length: 10 }, (_, index) => activityTask(`t${index}`)));
  for (let round = 0; round < 20; round += 1) {
    await clock.advance(10);
    for (const end of ends.splice(0)) end();
  }
  await clock.advance(10);
  expect(completed()).toHaveLength(10);
  // One share of three is left for eager tasks while both polls wait.
  expect(most).toBeGreaterThanOrEqual(2);
  expect(most).toBeLessThanOrEqual(3);
});

test('answers that no call names are named within 5 s by a call of their own', async () => {
  const { clock, life, give, requests } = setup({ work: () => new Promise(() => {}) }, { concurrency: 1 });
  void life.run();
  give(activityTask('a'));
  await clock.advance(5_000);
  expect(requests('heartbeatActivities').map((request) => [request.heartbeats.length, request.receivedAnswerIds])).toEqual([
    [0, ['answer-1']],
  ]);
});

test('a worker outlives the absence of the service, with back-off and one line', async () => {
  let away = true;
  const { clock, life, requests, lines } = setup(
    { work: () => 1 },
    {},
    {
      pollActivityTasks: (_, call) => {
        if (away) throw refusal(14, '');
        return never(call?.abort);
      },
    },
  );
  const ran = life.run();
  await clock.advance(60_000);
  const attempts = requests('pollActivityTasks').length;
  expect(attempts).toBeGreaterThan(20);
  expect(attempts).toBeLessThan(150);
  away = false;
  await clock.advance(10_000);
  life.shutdown();
  await clock.advance(1_500);
  await ran;
  expect(lines).toEqual([
    'info: the worker takes tasks',
    'warn: the service cannot take calls; trying again until it does',
    'info: the worker shuts down',
    'info: the worker has stopped',
  ]);
});

test('a refusal that does not pass by itself is told once and asked again', async () => {
  const { clock, life, lines, requests } = setup(
    { work: () => 1 },
    {},
    {
      pollActivityTasks: () => {
        throw refusal(5, 'NAMESPACE_NOT_FOUND');
      },
    },
  );
  void life.run();
  await clock.advance(120_000);
  expect(requests('pollActivityTasks').length).toBeGreaterThan(8);
  expect(lines.filter((line) => line.startsWith('error'))).toEqual(['error: the service refuses to give out activity tasks; asking again']);
});

test('shutdown: polls end, the service is told, code is signalled, ends within the grace are reported', async () => {
  const { clock, life, give, calls, completed, returned } = setup({
    polite: () => new Promise<string>((resolve) => cancellationSignal().addEventListener('abort', () => resolve('saved'))),
  });
  const ran = life.run();
  await clock.settle();
  give(activityTask('a', { type: 'polite' }));
  await clock.settle();
  life.shutdown();
  await clock.settle();
  await ran;
  expect(completed()).toEqual(['a']);
  expect(returned()).toEqual([]);
  expect(calls.map((call) => call.rpc)).toContain('shutdownWorker');
});

test('shutdown: code that goes on is waited for during the grace, then goes back as begun', async () => {
  const { clock, life, give, returned } = setup({ stubborn: () => new Promise(() => {}) });
  let ended = false;
  void life.run().then(() => (ended = true));
  await clock.settle();
  give(activityTask('a', { type: 'stubborn' }));
  await clock.settle();
  life.shutdown();
  await clock.advance(24_999);
  expect([ended, returned()]).toEqual([false, []]);
  await clock.advance(2);
  expect([ended, returned()]).toEqual([true, ['a begun']]);
  expect(clock.timers()).toBe(0);
});

test('a later shutdown ends the grace, one that comes at once does not', async () => {
  const { clock, life, give, returned } = setup({ stubborn: () => new Promise(() => {}) });
  const ran = life.run();
  await clock.settle();
  give(activityTask('a', { type: 'stubborn' }));
  await clock.settle();
  life.shutdown();
  life.shutdown();
  await clock.advance(600);
  expect(returned()).toEqual([]);
  life.shutdown();
  await clock.settle();
  await ran;
  expect(returned()).toEqual(['a begun']);
});

test('tasks whose answer crosses the shutdown go back untouched', async () => {
  const answer = gate<{ answerId: string; tasks: ActivityTask[] }>();
  const { clock, life, returned } = setup({ work: () => 1 }, { polls: 1 }, { pollActivityTasks: () => answer.promise });
  const ran = life.run();
  await clock.settle();
  life.shutdown();
  await clock.settle();
  answer.open({ answerId: 'late', tasks: [activityTask('a')] });
  await clock.settle();
  await ran;
  expect(returned()).toEqual(['a untouched']);
});

test('shutdown: polls that are out are waited for, then hung up', async () => {
  const aborted: number[] = [];
  const { clock, life, calls, returned, requests } = setup(
    { work: () => 1 },
    { polls: 2 },
    {
      pollActivityTasks: (_, call) => {
        call?.abort?.addEventListener('abort', () => aborted.push(clock.monotonic()));
        if (requests('pollActivityTasks').length > 1) return never(call?.abort);
        return new Promise((resolve) => clock.setTimer(1_000, () => resolve({ answerId: 'late', tasks: [activityTask('a')] })));
      },
      shutdownWorker: () => ({}),
    },
  );
  const ran = life.run();
  await clock.settle();
  life.shutdown();
  await clock.settle();
  expect(calls.map(({ rpc }) => rpc)).toContain('shutdownWorker');
  await clock.advance(1_400);
  expect([returned(), aborted]).toEqual([['a untouched'], []]);
  await clock.advance(100);
  await ran;
  expect(new Set(aborted)).toEqual(new Set([1_500]));
  expect(requests('pollActivityTasks')).toHaveLength(2);
  expect(clock.timers()).toBe(0);
});

test('more slots than one poll may ask for are all used', async () => {
  const { clock, life, give, requests } = setup({ work: () => 1 }, { concurrency: 5_000, polls: 1 });
  void life.run();
  for (let round = 0; round < 10; round += 1) {
    await clock.advance(10);
    give(activityTask(`t${round}`));
  }
  await clock.advance(10);
  expect(requests('pollActivityTasks').map(({ maxTasks }) => maxTasks)).toEqual(Array.from({ length: 11 }, () => 1_000));
});

test('a shutdown while the service is away still ends', async () => {
  const away = (): never => {
    throw refusal(14, '');
  };
  const { clock, life } = setup(
    { work: () => 1 },
    {},
    { pollActivityTasks: away, completeActivityTasks: away, shutdownWorker: away, returnTasks: away },
  );
  let ended = false;
  void life.run().then(() => (ended = true));
  await clock.advance(1_000);
  life.shutdown();
  await clock.advance(31_000);
  expect(ended).toBe(true);
  expect(clock.timers()).toBe(0);
});
