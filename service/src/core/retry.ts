/** The retry rule of activities. */
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
  const policy = activity.retryPolicy;
  if (isFinal(failure, policy)) return { final: RetryState.NON_RETRYABLE };
  const most = policy?.maximumAttempts ?? 0;
  if (most > 0 && activity.attempt >= most) return { final: RetryState.MAXIMUM_ATTEMPTS_REACHED };
  const retryAt = now + delayOf(activity.attempt, failure, policy);
  if (activity.scheduleToCloseMs > 0 && retryAt >= activity.scheduledAt + activity.scheduleToCloseMs)
    return { final: RetryState.TIMED_OUT };
  return { retryAt };
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
