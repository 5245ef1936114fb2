// The retry rule as a table: R-ACT-2, R-ACT-3, R-ACT-4.
import type { RetryPolicy } from '@perdure/proto/perdure/api/v1/common';
import { Failure, RetryState } from '@perdure/proto/perdure/api/v1/failure';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { failureOf } from './failures.ts';
import { MAX_DURATION_MS } from './limits.ts';
import { decideRetry, isLastAttempt } from './retry.ts';
import type { Activity } from './state.ts';
import { toDuration } from './time.ts';

const NOW = 1_000_000;

interface Policy {
  readonly first?: number;
  readonly factor?: number;
  readonly most?: number;
  readonly attempts?: number;
  readonly final?: string[];
}

function policyOf({ first = 0, factor = 0, most = 0, attempts = 0, final = [] }: Policy): RetryPolicy {
  return {
    initialInterval: toDuration(first),
    backoffCoefficient: factor,
    maximumInterval: toDuration(most),
    maximumAttempts: attempts,
    nonRetryableErrorTypes: final,
  };
}

function activityOf(attempt: number, policy: Policy | undefined, changes: Partial<Activity> = {}): Activity {
  const retryPolicy = policy === undefined ? undefined : policyOf(policy);
  const plain = { attempt, retryPolicy, cancelRequested: false, scheduleToCloseMs: 0, scheduledAt: NOW } as Activity;
  return { ...plain, ...changes };
}

const down = failureOf('application', 'away', 'Down');

function delayOf(attempt: number, policy: Policy | undefined, failure = down): number {
  const decision = decideRetry(activityOf(attempt, policy), failure, NOW);
  return 'retryAt' in decision ? decision.retryAt - NOW : Number.NaN;
}

describe('R-ACT-2 delay before the next attempt, in ms', () => {
  test.each<[name: string, policy: Policy | undefined, delays: number[]]>([
    ['no policy', undefined, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 100_000, 100_000]],
    ['an empty policy', {}, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 100_000, 100_000]],
    ['the largest delay is 100 times the first', { first: 50 }, [50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]],
    ['factor 1', { first: 300, factor: 1 }, [300, 300, 300]],
    ['factor 1.5', { first: 1_000, factor: 1.5 }, [1_000, 1_500, 2_250]],
    ['an own largest delay', { first: 1_000, factor: 10, most: 5_000 }, [1_000, 5_000, 5_000]],
    ['a largest delay below the default first', { most: 500 }, [500, 500]],
    ['a large factor', { first: 1, factor: 1e300, most: 36_525 * 86_400_000 }, [1, MAX_DURATION_MS, MAX_DURATION_MS]],
  ])('%s', (_name, policy, delays) => {
    expect(delays.map((_, index) => delayOf(index + 1, policy))).toEqual(delays);
  });

  test('is a time within the limits for every policy and attempt', () => {
    const policies = fc.record({
      first: fc.nat(1e9),
      factor: fc.double({ min: 1, noNaN: true, noDefaultInfinity: true }),
      most: fc.nat(1e9),
    });
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 2_000_000_000 }), (policy, attempt) => {
        const delay = delayOf(attempt, policy);
        expect(delay).toBeGreaterThan(0);
        expect(delay).toBeLessThanOrEqual(MAX_DURATION_MS);
      }),
    );
  });
});

describe('R-ACT-2 the failure names its own delay', () => {
  const named = (ms: number): Failure => {
    const nextRetryDelay = toDuration(ms) ?? { seconds: 0n, nanos: 0 };
    return Failure.create({ info: { $case: 'application', value: { type: 'Down', nonRetryable: false, details: [], nextRetryDelay } } });
  };
  test.each([
    [0, 0],
    [7, 7],
    [3_600_000, 3_600_000],
    [-5_000, 0],
    [2 * MAX_DURATION_MS, MAX_DURATION_MS],
  ])('%s ms → %s ms', (given, delay) => {
    expect(delayOf(3, { first: 100, most: 200 }, named(given))).toBe(delay);
  });
});

describe('no attempt follows', () => {
  const final = Failure.create({
    info: { $case: 'application', value: { type: 'Down', nonRetryable: true, details: [], nextRetryDelay: undefined } },
  });
  const serviceFinal = Failure.create({ info: { $case: 'service', value: { reason: 'X', nonRetryable: true } } });
  test.each<[name: string, activity: Activity, failure: Failure, state: RetryState]>([
    ['R-ACT-3 a non-retryable failure', activityOf(1, undefined), final, RetryState.NON_RETRYABLE],
    ['R-ACT-3 one of the service', activityOf(1, undefined), serviceFinal, RetryState.NON_RETRYABLE],
    ['R-ACT-3 a type the policy names', activityOf(1, { final: ['Up', 'Down'] }), down, RetryState.NON_RETRYABLE],
    ['the last attempt', activityOf(3, { attempts: 3 }), down, RetryState.MAXIMUM_ATTEMPTS_REACHED],
    ['a cancel request', activityOf(1, undefined, { cancelRequested: true }), down, RetryState.CANCEL_REQUESTED],
    ['R-ACT-4 no time left', activityOf(1, undefined, { scheduleToCloseMs: 1_000 }), down, RetryState.TIMED_OUT],
  ])('%s', (_name, activity, failure, state) => {
    expect(decideRetry(activity, failure, NOW)).toEqual({ final: state });
  });
});

describe('an attempt follows', () => {
  const timeout = Failure.create({ info: { $case: 'timeout', value: { timeoutType: 3, lastHeartbeatDetails: undefined } } });
  test.each<[name: string, activity: Activity, failure: Failure]>([
    ['a type the policy does not name', activityOf(1, { final: ['Up'] }), down],
    ['a time-out, whatever types the policy names', activityOf(1, { final: [''] }), timeout],
    ['a failure without a kind', activityOf(1, { final: [''] }), Failure.create({ message: 'away' })],
    ['the attempt before the last', activityOf(2, { attempts: 3 }), down],
    ['R-ACT-4 just time enough', activityOf(1, undefined, { scheduleToCloseMs: 1_001 }), down],
  ])('%s', (_name, activity, failure) => {
    expect(decideRetry(activity, failure, NOW)).toHaveProperty('retryAt');
  });
});

test('R-ACT-9 the last attempt is the one the policy counts to', () => {
  const last = [1, 2, 3, 4].map((attempt) => isLastAttempt(activityOf(attempt, { attempts: 3 })));
  expect(last).toEqual([false, false, true, true]);
  expect(isLastAttempt(activityOf(1_000_000, {}))).toBe(false);
  expect(isLastAttempt(activityOf(1_000_000, undefined))).toBe(false);
});
