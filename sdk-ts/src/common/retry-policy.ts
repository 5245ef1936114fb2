// Retry policies of activities and of whole workflows.

import type { RetryPolicy as ProtoRetryPolicy } from '@perdure/proto/perdure/api/v1/common';
import { type Duration, durationToProto } from './duration.ts';

/** How attempts follow each other. */
export interface RetryPolicy {
  /** Delay before the second attempt. Default 1 s. */
  initialInterval?: Duration;
  /** Factor between delays, at least 1. Default 2. */
  backoffCoefficient?: number;
  /** Largest delay. Default 100 times the initial interval. */
  maximumInterval?: Duration;
  /** Attempts in all, the first included. Default unlimited. */
  maximumAttempts?: number;
  /** Types of ApplicationFailure (names of error classes) that are not tried again. */
  nonRetryableErrorTypes?: readonly string[];
}

/** The protocol's form of a retry policy; undefined stays undefined. Throws TypeError naming the field. */
export function retryPolicyToProto(retry: RetryPolicy | undefined, field = 'retry'): ProtoRetryPolicy | undefined {
  if (retry === undefined) return undefined;
  const { backoffCoefficient = 0, maximumAttempts = 0 } = retry;
  if (backoffCoefficient !== 0 && !(backoffCoefficient >= 1))
    throw new TypeError(`${field}.backoffCoefficient: ${backoffCoefficient} is less than 1`);
  if (!(Number.isInteger(maximumAttempts) && maximumAttempts >= 0) && maximumAttempts !== Number.POSITIVE_INFINITY) {
    throw new TypeError(`${field}.maximumAttempts: ${maximumAttempts} is not a whole number of attempts (leave it out for unlimited)`);
  }
  return {
    initialInterval: durationToProto(retry.initialInterval, `${field}.initialInterval`),
    backoffCoefficient,
    maximumInterval: durationToProto(retry.maximumInterval, `${field}.maximumInterval`),
    maximumAttempts: Number.isFinite(maximumAttempts) ? maximumAttempts : 0,
    nonRetryableErrorTypes: [...(retry.nonRetryableErrorTypes ?? [])],
  };
}
