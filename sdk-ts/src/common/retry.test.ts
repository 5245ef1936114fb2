import { expect, test } from 'vitest';
import { refusal } from '../../test/support/scripted-api.ts';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { backoff, withRetry } from './retry.ts';
import { isTransient } from './service-error.ts';

test.each([
  [14, 'UNAVAILABLE', true],
  [14, 'DATABASE_UNAVAILABLE', true],
  [14, '', true],
  [8, 'OVERLOADED', true],
  [8, 'LIMIT_REACHED', false],
  [8, '', false],
  [4, '', true],
  [4, 'QUERY_UNANSWERED', false],
  [13, '', true],
  [13, 'INTERNAL', false],
  [3, 'BAD_FIELD', false],
  [5, 'WORKFLOW_NOT_FOUND', false],
  [10, 'UNSEEN_EVENTS', false],
])('code %i with reason "%s" passes by itself: %s', (code, reason, transient) => {
  expect(isTransient(refusal(code, reason))).toBe(transient);
});

test('delays are drawn below a bound that doubles up to a maximum, after what the service asked for', () => {
  const clock = createVirtualClock();
  const options = { initialIntervalMs: 100, maximumIntervalMs: 1_000 };
  expect([1, 2, 3, 4, 5, 60].map((failures) => backoff(clock, options, failures))).toEqual([50, 100, 200, 400, 500, 500]);
  expect(backoff(clock, options, 1, 3_000)).toBe(3_050);
});

test('a call is repeated until it succeeds', async () => {
  const clock = createVirtualClock();
  let attempts = 0;
  const answer = withRetry({ clock, options: {} }, async () => {
    attempts += 1;
    if (attempts < 4) throw refusal(14, 'UNAVAILABLE');
    return attempts;
  });
  await clock.advance(10_000);
  expect(await answer).toBe(4);
});

test('a refusal for good and an error that is no refusal are thrown at once', async () => {
  const clock = createVirtualClock();
  for (const error of [refusal(3, 'BAD_FIELD'), new Error('defect')]) {
    let attempts = 0;
    await expect(
      withRetry({ clock, options: {} }, async () => {
        attempts += 1;
        throw error;
      }),
    ).rejects.toBe(error);
    expect(attempts).toBe(1);
  }
});

test('the last refusal is thrown when time is up, or at once when aborted', async () => {
  const clock = createVirtualClock();
  const attempt = () => Promise.reject(refusal(14, 'UNAVAILABLE'));
  const timedOut = withRetry({ clock, options: { maximumElapsedMs: 20_000 } }, attempt);
  const seen = expect(timedOut).rejects.toMatchObject({ reason: 'UNAVAILABLE' });
  await clock.advance(20_000);
  await seen;
  const abort = new AbortController();
  const aborted = withRetry({ clock, options: {}, abort: abort.signal }, attempt);
  const seenToo = expect(aborted).rejects.toMatchObject({ reason: 'UNAVAILABLE' });
  await clock.settle();
  abort.abort();
  await seenToo;
});

test('INTERNAL without a reason is tried a few times in a row only', async () => {
  const clock = createVirtualClock();
  const run = async (codes: (attempt: number) => number): Promise<number> => {
    let attempts = 0;
    const options = { maximumElapsedMs: Number.POSITIVE_INFINITY };
    const ended = withRetry({ clock, options }, async () => {
      attempts += 1;
      if (attempts <= 20) throw refusal(codes(attempts), '');
    }).catch(() => {});
    await clock.advance(200_000);
    await ended;
    return attempts;
  };
  expect(await run(() => 13)).toBe(5);
  expect(await run((attempt) => (attempt % 4 === 0 ? 14 : 13))).toBe(21);
});
