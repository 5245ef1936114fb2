import type { ItemError } from '@perdure/proto/perdure/api/v1/common';
import type {
  ActivityTaskCompletion,
  CompleteActivityTasksRequest,
  CompleteActivityTasksResponse,
} from '@perdure/proto/perdure/api/v1/worker_service';
import { expect, test } from 'vitest';
import { gate, refusal, type Script } from '../../test/support/scripted-api.ts';
import { activityTask, bytes, createTestLink, text } from '../../test/support/tasks.ts';
import { type ActivityInterceptor, activityInfo, Context, cancellationSignal, heartbeat, sleep } from '../activity/index.ts';
import { ApplicationFailure } from '../common/failure.ts';
import { type ActivityFunction, createActivityRunner } from './activities.ts';
import { createSlots } from './slots.ts';

const taken = { code: 0, reason: '', message: '', metadata: {}, retryAfter: undefined };
const answered = (errors: ItemError[]): CompleteActivityTasksResponse => ({ errors, followUps: [], answerId: '', activityTasks: [] });
const noAnswer = { cancelRequested: false, paused: false, reset: false, error: undefined };

function setup(activities: Record<string, unknown>, script: Script = {}, interceptors?: readonly ActivityInterceptor[]) {
  const fixture = createTestLink({
    completeActivityTasks: (request) => answered(request.completions.map(() => taken)),
    heartbeatActivities: (request) => ({ results: request.heartbeats.map(() => noAnswer) }),
    ...script,
  });
  const slots = createSlots(fixture.clock, 10);
  const returned: string[] = [];
  const runner = createActivityRunner(fixture.link, {
    activities: new Map(Object.entries(activities) as [string, ActivityFunction][]),
    interceptors,
    slots,
    giveBack: (token, begun) => returned.push(`${text(token)} ${begun ? 'begun' : 'untouched'}`),
    followUp: async () => undefined,
  });
  const take = (...tasks: ReturnType<typeof activityTask>[]): void => {
    slots.takeShare(1);
    slots.release(10 - tasks.length);
    runner.take(tasks);
  };
  const completions = (): ActivityTaskCompletion[] =>
    (fixture.requests('completeActivityTasks') as CompleteActivityTasksRequest[]).flatMap((request) => request.completions);
  return { ...fixture, slots, runner, returned, take, completions };
}

/** "token: outcome" in words. */
function show({ token, outcome }: ActivityTaskCompletion): string {
  if (outcome?.$case === 'completed') return `${text(token)}: ${outcome.value.result ? text(outcome.value.result.data) : ''}`;
  if (outcome?.$case === 'canceled') return `${text(token)}: canceled`;
  const failure = outcome?.value;
  const type = failure?.info?.$case === 'application' ? failure.info.value.type : failure?.info?.$case;
  return `${text(token)}: ${type}: ${failure?.message}`;
}

test('attempts run with their arguments, and their ends travel together', async () => {
  const { clock, take, completions, requests, slots } = setup({ work: async (a: number, b: number) => a + b });
  take(activityTask('a', { args: [1, 2] }), activityTask('b', { args: [3, 4] }));
  expect(slots.free()).toBe(8);
  await clock.settle();
  expect(completions().map(show)).toEqual(['a: 3', 'b: 7']);
  expect(requests('completeActivityTasks')).toHaveLength(1);
  expect(slots.free()).toBe(10);
});

class InsufficientFunds extends Error {
  override name = 'InsufficientFunds';
}

test.each<[string, () => unknown, string]>([
  ['a user error keeps its class', () => Promise.reject(new InsufficientFunds('no money')), 'InsufficientFunds: no money'],
  ['an ApplicationFailure keeps its type', () => Promise.reject(ApplicationFailure.nonRetryable('bad card', 'Card')), 'Card: bad card'],
  [
    'a synchronous throw counts too',
    () => {
      throw new RangeError('too far');
    },
    'RangeError: too far',
  ],
  ['what is no Error is said to be so', () => Promise.reject('text'), 'NonError: thrown: text'],
  [
    'a result without a JSON form fails',
    async () => 1n,
    'PayloadEncodeError: result of activity work (bigint) cannot be serialized: Do not know how to serialize a BigInt',
  ],
])('%s', async (_, body, expected) => {
  const { clock, take, completions } = setup({ work: body });
  take(activityTask('a'));
  await clock.settle();
  expect(completions().map(show)).toEqual([`a: ${expected}`]);
});

test('a result over the limit fails for good, naming size and limit', async () => {
  const { clock, take, completions } = setup({ work: () => 'x'.repeat(3_000_000) });
  take(activityTask('a'));
  await clock.settle();
  const [completion] = completions();
  expect(completion && show(completion)).toMatch(/TOO_LARGE: the result of activity work takes 30000\d\d bytes, the limit is 2097152/);
  expect(completion?.outcome).toMatchObject({ value: { info: { value: { nonRetryable: true } } } });
});

test('an unknown type fails the attempt, retryable, and names the known ones', async () => {
  const { clock, take, completions } = setup({ one: () => 1, two: () => 2 });
  take(activityTask('a', { type: 'three' }));
  await clock.settle();
  expect(completions().map(show)).toEqual(['a: UnknownActivityType: this worker has no activity "three" (it has: one, two)']);
  expect(completions()[0]?.outcome).toMatchObject({ value: { info: { value: { nonRetryable: false } } } });
});

test('the context knows the attempt, across awaits, and only inside', async () => {
  let seen: unknown;
  const { clock, take } = setup({
    work: async () => {
      await Promise.resolve();
      seen = activityInfo();
      Context.current();
    },
  });
  take(activityTask('a', { attempt: 3, startToClose: 60_000, scheduleToClose: 10_000, heartbeat: 9_000 }));
  await clock.settle();
  // 4 of the 10 s were gone when the attempt was given out.
  expect(seen).toMatchObject({
    workflowExecution: { workflowId: 'w', runId: 'r' },
    idempotencyKey: 'r/7',
    attempt: 3,
    heartbeatTimeout: 9_000,
    heartbeatDetails: undefined,
    deadline: new Date(clock.now() + 6_000),
  });
  expect(() => activityInfo()).toThrow('no activity is running here');
});

test('the SDK keeps an attempt alive by itself, every third of its heartbeat timeout', async () => {
  const { clock, take, requests } = setup({ work: () => sleep('10s') });
  take(activityTask('a', { heartbeat: 3_000 }), activityTask('b', { heartbeat: 3_000 }));
  await clock.advance(3_500);
  expect(requests('heartbeatActivities').map((request) => request.heartbeats.map((beat) => text(beat.token)))).toEqual([
    ['a', 'b'],
    ['a', 'b'],
    ['a', 'b'],
  ]);
});

test('a heartbeat that is lost goes again soon; a call leaves time for another one', async () => {
  const deadlines: unknown[] = [];
  const times: number[] = [];
  let left = 2;
  const { clock, take } = setup(
    { work: () => sleep('100s') },
    {
      heartbeatActivities: (request, call) => {
        deadlines.push(call?.deadlineMs);
        times.push(clock.monotonic());
        left -= 1;
        if (left === 1) throw refusal(14, '');
        const away = { code: 14, reason: '', message: 'away', metadata: {}, retryAfter: undefined };
        return {
          results: request.heartbeats.map(() =>
            left === 0 ? { cancelRequested: false, paused: false, reset: false, error: away } : noAnswer,
          ),
        };
      },
    },
  );
  take(activityTask('a', { heartbeat: 9_000 }), activityTask('b', { heartbeat: 60_000 }));
  await clock.advance(6_500);
  expect(times.map((time) => Math.round(time / 10) * 10)).toEqual([3_000, 3_100, 3_300, 6_300]);
  expect(new Set(deadlines)).toEqual(new Set([3_000]));
});

test('a heartbeat refused for what it holds silences no other', async () => {
  const { clock, take, requests } = setup(
    { work: () => sleep('10s') },
    {
      heartbeatActivities: ({ heartbeats }) => {
        if (heartbeats.some((beat) => text(beat.token) === 'bad')) throw refusal(3, 'BAD_FIELD');
        return { results: heartbeats.map(() => noAnswer) };
      },
    },
  );
  take(activityTask('a', { heartbeat: 3_000 }), activityTask('bad', { heartbeat: 3_000 }));
  await clock.advance(1_500);
  expect(requests('heartbeatActivities').map(({ heartbeats }) => heartbeats.map((beat) => text(beat.token)))).toEqual([
    ['a', 'bad'],
    ['a'],
    ['bad'],
  ]);
});

test('details are sent at most once a second, the newest win', async () => {
  const { clock, take, requests } = setup({
    work: async () => {
      for (let i = 1; i <= 25; i += 1) {
        heartbeat(i);
        await sleep(100);
      }
    },
  });
  take(activityTask('a', { heartbeat: 60_000 }));
  await clock.advance(2_600);
  const sent = requests('heartbeatActivities').flatMap((request) =>
    request.heartbeats.map((beat) => beat.details && text(beat.details.data)),
  );
  expect(sent).toEqual(['10', '20']);
});

test('details reported right before a failure are sent before the failure', async () => {
  const { clock, take, calls, requests } = setup({
    work: () => {
      heartbeat({ done: 5 });
      throw new Error('crash');
    },
  });
  take(activityTask('a', { heartbeat: 60_000 }));
  await clock.settle();
  expect(calls.map((call) => call.rpc)).toEqual(['heartbeatActivities', 'completeActivityTasks']);
  expect(text(requests('heartbeatActivities')[0]?.heartbeats[0]?.details?.data ?? bytes(''))).toBe('{"done":5}');
});

test('a cancel request reaches the signal; rethrowing its reason ends as canceled', async () => {
  const { clock, take, completions } = setup(
    {
      work: async () => {
        await sleep('1h');
      },
    },
    {
      heartbeatActivities: (request) => ({
        results: request.heartbeats.map(() => ({ cancelRequested: true, paused: false, reset: false, error: undefined })),
      }),
    },
  );
  take(activityTask('a', { heartbeat: 3_000 }));
  await clock.advance(1_100);
  expect(completions().map(show)).toEqual(['a: canceled']);
});

test('large heartbeat details travel apart, those over the limit not at all; signs of life go on', async () => {
  const { clock, take, requests, lines } = setup({
    work: async (mebibytes: number) => {
      heartbeat('x'.repeat(mebibytes * 1024 * 1024));
      await sleep('3s');
    },
  });
  take(...[1, 1, 1, 1, 3].map((size, index) => activityTask(`t${index}`, { args: [size], heartbeat: 3_000 })));
  await clock.advance(1_500);
  const sent = requests('heartbeatActivities').map((request) =>
    request.heartbeats.map((beat) => `${text(beat.token)}${beat.details ? ' with details' : ''}`),
  );
  expect(sent).toEqual([
    ['t0 with details', 't1 with details'],
    ['t2 with details', 't3 with details', 't4'],
  ]);
  expect(lines.filter((line) => line.includes('are left out, the limit is 2097152'))).toHaveLength(1);
});

test('what cannot even be looked at fails its attempt as anything else that is thrown', async () => {
  const trap = (): never => {
    throw new Error('trap');
  };
  const proxy = new Proxy({}, { get: trap, getPrototypeOf: trap });
  const { clock, take, completions } = setup({
    work: () => Promise.reject(proxy),
    cause: () => Promise.reject(new Error('outer', { cause: proxy })),
  });
  take(activityTask('a'), activityTask('b', { type: 'cause' }));
  await clock.settle();
  expect(completions().map(show)).toEqual(['a: Error: what was thrown cannot be read: looking at it throws', 'b: Error: outer']);
});

test('an attempt without heartbeat timeout learns of cancel requests too', async () => {
  let reason: unknown;
  const { clock, take } = setup(
    {
      work: () =>
        new Promise<void>((resolve) =>
          cancellationSignal().addEventListener('abort', () => {
            reason = cancellationSignal().reason;
            resolve();
          }),
        ),
    },
    {
      heartbeatActivities: (request) => ({
        results: request.heartbeats.map(() => ({ cancelRequested: true, paused: false, reset: false, error: undefined })),
      }),
    },
  );
  take(activityTask('a'));
  await clock.advance(11_000);
  expect(reason).toMatchObject({ name: 'CancelledFailure' });
});

test('an attempt that is no longer wanted is aborted and its end dropped', async () => {
  const gone = { ...taken, code: 5, reason: 'ACTIVITY_NOT_FOUND', message: 'gone' };
  const { clock, take, completions, slots } = setup(
    { work: () => sleep('1h') },
    {
      heartbeatActivities: (request) => ({
        results: request.heartbeats.map(() => ({ cancelRequested: false, paused: false, reset: false, error: gone })),
      }),
    },
  );
  take(activityTask('a', { heartbeat: 3_000 }));
  await clock.advance(2_000);
  expect([completions(), slots.free()]).toEqual([[], 10]);
});

test('at its time limit the attempt is aborted with a TimeoutFailure', async () => {
  let reason: unknown;
  const { clock, take, lines } = setup({
    work: async () => {
      await sleep('1h').catch((error: unknown) => (reason = error));
    },
  });
  take(activityTask('a', { startToClose: 5_000 }));
  await clock.advance(4_999);
  expect(reason).toBeUndefined();
  await clock.advance(2);
  expect(reason).toMatchObject({ name: 'TimeoutFailure', timeoutType: 'startToClose' });
  expect(lines).toEqual(['warn: an activity ran into its time limit; its slot is taken until its function ends']);
});

test('ends are sent again until the service takes them, with one line per outage', async () => {
  let attempts = 0;
  const { clock, take, lines } = setup(
    { work: () => 1 },
    {
      completeActivityTasks: (request) => {
        attempts += 1;
        if (attempts <= 5) throw refusal(14, 'UNAVAILABLE');
        return answered(request.completions.map(() => taken));
      },
    },
  );
  take(activityTask('a'));
  await clock.advance(60_000);
  expect(attempts).toBe(6);
  expect(lines).toEqual(['warn: the service cannot take calls; trying again until it does', 'info: the service takes calls again']);
});

test('an end whose run cannot be reached now is sent again, the others are not', async () => {
  let calls = 0;
  const { clock, take, completions } = setup(
    { work: () => 1 },
    {
      completeActivityTasks: (request) => {
        calls += 1;
        const away = { ...taken, code: 14, reason: 'UNAVAILABLE', message: 'the owner moves' };
        return answered(request.completions.map((item) => (text(item.token) === 'a' && calls < 3 ? away : taken)));
      },
    },
  );
  take(activityTask('a'), activityTask('b'));
  await clock.advance(5_000);
  expect(completions().map((item) => text(item.token))).toEqual(['a', 'b', 'a', 'a']);
});

test('an end that comes too late is dropped quietly; one that is refused is replaced by a failure', async () => {
  const errors = [
    { ...taken, code: 5, reason: 'ACTIVITY_NOT_FOUND', message: 'gone' },
    { ...taken, code: 3, reason: 'TOO_LARGE', message: 'result: 9 bytes, the limit is 3' },
    { ...taken, code: 13, reason: 'INTERNAL', message: 'it could not be stored' },
  ];
  let first = true;
  const { clock, take, completions, lines } = setup(
    { work: () => 1 },
    {
      completeActivityTasks: (request) => {
        const answer = first ? errors : request.completions.map(() => taken);
        first = false;
        return answered(answer);
      },
    },
  );
  take(activityTask('late'), activityTask('large'), activityTask('odd'));
  await clock.advance(10);
  const failures = completions().slice(3);
  expect(failures.map(show)).toEqual([
    'large: TOO_LARGE: the service refused what activity work ended with: result: 9 bytes, the limit is 3',
    'odd: INTERNAL: the service refused what activity work ended with: it could not be stored',
  ]);
  // Another attempt brings the same result, but may meet a service that can store it.
  const final = ({ outcome }: (typeof failures)[number]): unknown =>
    outcome?.$case === 'failed' && outcome.value.info?.$case === 'application' && outcome.value.info.value.nonRetryable;
  expect(failures.map(final)).toEqual([true, false]);
  const refused = 'error: the end of an activity attempt was refused';
  expect(lines.filter((line) => !line.startsWith('debug'))).toEqual([refused, refused]);
});

test('shutdown: code that stops goes back as begun, code that ends in time is reported, new tasks go back untouched', async () => {
  const finish = gate();
  const { clock, take, completions, returned, runner } = setup({
    stops: () => sleep('1h'),
    ends: () => finish.promise.then(() => 'done'),
    hangs: () => new Promise(() => {}),
  });
  take(activityTask('a', { type: 'stops' }), activityTask('b', { type: 'ends' }), activityTask('c', { type: 'hangs' }));
  await clock.settle();
  runner.stop();
  runner.take([activityTask('d', { type: 'ends' })]);
  await clock.settle();
  expect(returned).toEqual(['d untouched', 'a begun']);
  finish.open();
  await clock.settle();
  expect(completions().map(show)).toEqual(['b: "done"']);
  expect(runner.abandon().map(text)).toEqual(['c']);
  expect(clock.timers()).toBe(0);
});

test('codecs see arguments, results and failure details', async () => {
  const flip = (data: Uint8Array): Uint8Array => data.map((byte) => byte ^ 1);
  const codec = {
    encode: async (payloads: readonly never[]) =>
      payloads.map((payload: { data: Uint8Array }) => ({ ...payload, data: flip(payload.data) }) as never),
    decode: async (payloads: readonly never[]) =>
      payloads.map((payload: { data: Uint8Array }) => ({ ...payload, data: flip(payload.data) }) as never),
  };
  const fixture = createTestLink(
    { completeActivityTasks: (request) => answered(request.completions.map(() => taken)) },
    { dataConverter: { codecs: [codec as never] } },
  );
  const activities = new Map<string, ActivityFunction>([
    ['work', ((a: number) => a + 1) as ActivityFunction],
    ['fails', () => Promise.reject(ApplicationFailure.retryable('m', 'T', 'secret'))],
  ]);
  const runner = createActivityRunner(fixture.link, {
    activities,
    slots: createSlots(fixture.clock, 2),
    giveBack: () => {},
    followUp: async () => undefined,
  });
  const task = activityTask('a', { args: [1] });
  for (const payload of task.input) payload.data = flip(payload.data);
  runner.take([task, activityTask('b', { type: 'fails' })]);
  await fixture.clock.settle();
  const outcomes = fixture.requests('completeActivityTasks').flatMap((request) => request.completions.map((item) => item.outcome));
  const datas = JSON.stringify(outcomes, (key, value) =>
    key === 'data' ? text(flip(Uint8Array.from(Object.values(value as object)))) : value,
  );
  expect(datas).toContain('"data":"2"');
  expect(datas).toContain('"data":"\\"secret\\""');
});

test('R-INTERCEPT-3: interceptors surround attempts, the first outermost, and see headers', async () => {
  const of = (name: string): ActivityInterceptor => ({
    async execute({ args, headers, info }, next) {
      const result = await next({ args: [...args, `${name}:${headers.trace}:${info.activityType}`], headers, info });
      return `${name}(${String(result)})`;
    },
  });
  const work = (...args: string[]): string => `${args.join(' ')} ${activityInfo().headers.trace}`;
  const { clock, take, completions } = setup({ work }, {}, [of('a'), of('b')]);
  take({ ...activityTask('t'), header: { text: { trace: 'x' }, fields: {} } });
  await clock.settle();
  expect(completions().map(show)).toEqual(['t: "a(b(a:x:work b:x:work x))"']);
});

test('R-SDK-1: the default activity runs every type without a function of its own', async () => {
  const { clock, take, completions } = setup({ default: (n: number) => [activityInfo().activityType, n], known: () => 'known' });
  take(activityTask('a', { type: 'anything', args: [1] }), activityTask('b', { type: 'known' }));
  await clock.settle();
  expect(completions().map(show)).toEqual(['a: ["anything",1]', 'b: "known"']);
});
