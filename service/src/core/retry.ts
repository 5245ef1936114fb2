/** The retry rule of activities and of chains of runs. */
import type { RetryPolicy } from '@perdure/proto/perdure/api/v1/common';
import { type Failure, RetryState } from '@perdure/proto/perdure/api/v1/failure';
import { MAX_DURATION_MS } from './limits.ts';
import type { Activity } from './state.ts';
import { fromDuration } from './time.ts';

export type RetryDecision = { readonly retryAt: number } | { readonly final: RetryState };

const SECOND = 1_000;

/**
 * Whether and when a failed attempt is followed by another: default 1 s, factor 2, at most 100 times the first delay,
 * unlimited attempts. A failure's own next_retry_delay wins over the policy's delay.
 */
export function decideRetry(activity: Activity, failure: Failure, now: number): RetryDecision {
  if (activity.cancelRequested) return { final: RetryState.CANCEL_REQUESTED };
  const deadline = activity.scheduleToCloseMs > 0 ? activity.scheduledAt + activity.scheduleToCloseMs : 0;
  // An operator lets the attempts count anew after this one.
  const attempt = activity.operated?.resetRequested === true ? 0 : activity.attempt;
  return retryOf(activity.retryPolicy, attempt, failure, now, deadline);
}

/** Whether and when `attempt`, which failed so, is followed by another; `deadline` is in ms since 1970, 0 = none. */
export function retryOf(policy: RetryPolicy | undefined, attempt: number, failure: Failure, now: number, deadline: number): RetryDecision {
  if (isFinal(failure, policy)) return { final: RetryState.NON_RETRYABLE };
  const most = policy?.maximumAttempts ?? 0;
  if (most > 0 && attempt >= most) return { final: RetryState.MAXIMUM_ATTEMPTS_REACHED };
  const retryAt = now + delayOf(Math.max(1, attempt), failure, policy);
  return deadline > 0 && retryAt >= deadline ? { final: RetryState.TIMED_OUT } : { retryAt };
}

/** What is wrong with a policy, beginning with the field's name; undefined when nothing is. */
export function retryProblem(policy: RetryPolicy | undefined): string | undefined {
  if (policy === undefined) return undefined;
  const initial = fromDuration(policy.initialInterval);
  const most = fromDuration(policy.maximumInterval);
  if (initial < 0 || initial > MAX_DURATION_MS) return `retry_policy.initial_interval: ${initial} ms is out of range`;
  if (most < 0 || (most > 0 && most < initial))
    return `retry_policy.maximum_interval: ${most} ms is below the initial interval ${initial} ms`;
  if (policy.backoffCoefficient !== 0 && !(policy.backoffCoefficient >= 1 && Number.isFinite(policy.backoffCoefficient)))
    return `retry_policy.backoff_coefficient: ${policy.backoffCoefficient} must be at least 1`;
  if (policy.maximumAttempts < 0) return `retry_policy.maximum_attempts: ${policy.maximumAttempts} must not be negative`;
  return undefined;
}

/** True when the policy allows no attempt after the current one, whatever its failure. */
export function isLastAttempt(activity: Activity): boolean {
  const most = activity.retryPolicy?.maximumAttempts ?? 0;
  return most > 0 && activity.attempt >= most;
}

function isFinal(failure: Failure, policy: RetryPolicy | undefined): boolean {
  const info = failure.info;
  if (info?.$case === 'application') {
    return info.value.nonRetryable || (policy?.nonRetryableErrorTypes.includes(info.value.type) ?? false);
  }
  return info?.$case === 'service' && info.value.nonRetryable;
}

function delayOf(attempt: number, failure: Failure, policy: RetryPolicy | undefined): number {
  if (failure.info?.$case === 'application' && failure.info.value.nextRetryDelay !== undefined) {
    return Math.min(Math.max(0, fromDuration(failure.info.value.nextRetryDelay)), MAX_DURATION_MS);
  }
  const initial = fromDuration(policy?.initialInterval) || SECOND;
  const factor = policy?.backoffCoefficient || 2;
  const most = fromDuration(policy?.maximumInterval) || initial * 100;
  return Math.min(initial * factor ** Math.min(attempt - 1, 1_000), most, MAX_DURATION_MS);
}
