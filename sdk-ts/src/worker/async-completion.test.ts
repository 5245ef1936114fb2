/** Attempts that are left to another process, and attempts that operators interrupt. */
import type { ActivityHeartbeatResult } from '@perdure/proto/perdure/api/v1/worker_service';
import { expect, test } from 'vitest';
import { activityTask, createTestLink, text } from '../../test/support/tasks.ts';
import { activityInfo, CompleteAsyncError, cancellationSignal, completeAsync, heartbeat, sleep } from '../activity/index.ts';
import { type ActivityFunction, createActivityRunner } from './activities.ts';
import { createSlots } from './slots.ts';

const calm: ActivityHeartbeatResult = { cancelRequested: false, paused: false, reset: false, error: undefined };
const taken = { code: 0, reason: '', message: '', metadata: {}, retryAfter: undefined };

function setup(work: unknown, answer: Partial<ActivityHeartbeatResult> = {}) {
  const fixture = createTestLink({
    completeActivityTasks: ({ completions }) => ({ errors: completions.map(() => taken), followUps: [], answerId: '', activityTasks: [] }),
    heartbeatActivities: ({ heartbeats }) => ({ results: heartbeats.map(() => ({ ...calm, ...answer })) }),
  });
  const slots = createSlots(fixture.clock, 10);
  const returned: string[] = [];
  const runner = createActivityRunner(fixture.link, {
    activities: new Map([['work', work as ActivityFunction]]),
    slots,
    giveBack: (token, begun) => returned.push(`${text(token)} ${begun ? 'begun' : 'untouched'}`),
    followUp: async () => undefined,
  });
  slots.takeShare(1);
  slots.release(9);
  runner.take([activityTask('a', { heartbeat: 3_000 })]);
  return { ...fixture, slots, returned, runner };
}

test('completeAsync: the slot is free, nothing is reported, heartbeats end after the last details', async () => {
  let token = '';
  const { clock, calls, requests, slots, returned } = setup(async () => {
    token = activityInfo().taskToken;
    heartbeat('asked');
    completeAsync();
  });
  await clock.advance(60_000);
  expect(Buffer.from(token, 'base64').toString()).toBe('a');
  expect(calls.map(({ rpc }) => rpc)).toEqual(['heartbeatActivities']);
  expect(text(requests('heartbeatActivities')[0]?.heartbeats[0]?.details?.data ?? new Uint8Array())).toBe('"asked"');
  expect([slots.free(), returned]).toEqual([10, []]);
});

test('completeAsync holds back neither the end of the worker nor an end that the code prefers', async () => {
  const { clock, runner, calls, returned } = setup(() => completeAsync());
  await clock.settle();
  await runner.drained();
  expect([calls, returned, runner.abandon()]).toEqual([[], [], []]);
  const caught = setup(() => {
    try {
      completeAsync();
    } catch (error) {
      return (error as Error).name;
    }
  });
  await caught.clock.settle();
  const [request] = caught.requests('completeActivityTasks');
  expect(request?.completions[0]?.outcome).toMatchObject({ $case: 'completed' });
});

test('outside of an activity there is nothing to leave open', () => {
  expect(() => completeAsync()).toThrow('no activity is running here');
  expect(new CompleteAsyncError('x')).toBeInstanceOf(Error);
});

test.each([
  ['paused', 'an operator has paused the activity'],
  ['reset', 'an operator has reset the activity'],
] as const)('told that it is %s, an attempt that stops goes back and does not count', async (what, message) => {
  let reason: unknown;
  const stops = async (): Promise<void> => {
    await sleep('1h').catch((error: unknown) => {
      reason = error;
      throw error;
    });
  };
  const { clock, requests, returned, slots } = setup(stops, { [what]: true });
  await clock.advance(1_500);
  expect(reason).toMatchObject({ name: 'CancelledFailure', message });
  expect([returned, requests('completeActivityTasks'), slots.free()]).toEqual([['a untouched'], [], 10]);
});

test('told that it is paused, an attempt that comes to its end all the same has ended', async () => {
  const stubborn = async (): Promise<string> => {
    await sleep('1h').catch(() => {});
    return cancellationSignal().aborted ? 'done' : 'not told';
  };
  const { clock, requests, returned } = setup(stubborn, { paused: true });
  await clock.advance(1_500);
  const outcome = requests('completeActivityTasks')[0]?.completions[0]?.outcome;
  expect(outcome?.$case === 'completed' && text(outcome.value.result?.data ?? new Uint8Array())).toBe('"done"');
  expect(returned).toEqual([]);
});

test('the wish of the workflow comes before the wish of an operator', async () => {
  const { clock, requests, returned } = setup(() => sleep('1h'), { paused: true, cancelRequested: true });
  await clock.advance(1_500);
  expect(requests('completeActivityTasks')[0]?.completions[0]?.outcome?.$case).toBe('canceled');
  expect(returned).toEqual([]);
});
