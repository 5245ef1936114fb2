/** Trying again: exponential back-off with full jitter that honours what the service says. */
import { type Clock, pause } from './clock.ts';
import { Code, isTransient, type Refusal, refusalOf } from './service-error.ts';

/**
 * Failures in a row with INTERNAL and no reason until it counts as for good: a broken stream passes, an answer that cannot be read does
 * not.
 */
const INTERNAL_TRIES = 5;

/** How calls are tried again. */
export interface RetryOptions {
  /** Ms: upper bound of the first delay. Default 100. */
  initialIntervalMs?: number;
  /** Ms: upper bound of any delay. Default 5 000. */
  maximumIntervalMs?: number;
  /** Ms after the first failure from which on no further attempt is made. Default 60 000; workers never give up. */
  maximumElapsedMs?: number;
}

/** Ms to wait before attempt `failures + 1`: uniform up to a bound that doubles; on top of what the service asked for. */
export function backoff(clock: Clock, options: RetryOptions, failures: number, retryAfterMs = 0): number {
  const { initialIntervalMs = 100, maximumIntervalMs = 5_000 } = options;
  const bound = Math.min(maximumIntervalMs, initialIntervalMs * 2 ** Math.min(failures - 1, 30));
  return retryAfterMs + clock.random() * bound;
}

/** What goes on around attempts. */
export interface RetryContext {
  readonly clock: Clock;
  readonly options: RetryOptions;
  /** Ends waiting; the last error is thrown. */
  readonly abort?: AbortSignal | undefined;
  /** Further reasons that pass by themselves. */
  readonly alsoTransient?: (refusal: Refusal) => boolean;
  /** Told of every failure that is tried again. */
  readonly onFailure?: (refusal: Refusal) => void;
}

/** Whether the same request may succeed later, having been refused so for the `times`th time in a row. */
export function mayPass(refusal: Refusal, times: number): boolean {
  return isTransient(refusal) && (refusal.code !== Code.INTERNAL || times < INTERNAL_TRIES);
}

/** Runs `attempt` until it succeeds, is refused for good, or time is up; throws what the last attempt threw. */
export async function withRetry<T>(context: RetryContext, attempt: () => Promise<T>): Promise<T> {
  const { clock, options, abort, alsoTransient, onFailure } = context;
  let giveUpAt: number | undefined;
  let internal = 0;
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      const refusal = refusalOf(error);
      if (!refusal || abort?.aborted) throw error;
      internal = refusal.code === Code.INTERNAL ? internal + 1 : 0;
      if (!mayPass(refusal, internal) && !alsoTransient?.(refusal)) throw error;
      giveUpAt ??= clock.monotonic() + (options.maximumElapsedMs ?? 60_000);
      const delay = backoff(clock, options, failures, refusal.retryAfterMs);
      if (clock.monotonic() + delay > giveUpAt) throw error;
      onFailure?.(refusal);
      await pause(clock, delay, abort);
      if (abort?.aborted) throw error;
    }
  }
}
