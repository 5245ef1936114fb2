/** What all parts of a client share. */
import type { QueryRejectCondition } from '@perdure/proto/perdure/api/v1/workflow_service';
import type { Api } from '../common/api.ts';
import type { Clock } from '../common/clock.ts';
import type { DataConverter } from '../common/data-converter.ts';
import type { Log } from '../common/log.ts';
import type { PayloadConverter } from '../common/payload-converter.ts';
import type { RetryContext, RetryOptions } from '../common/retry.ts';
import type { ClientInterceptor } from './interceptor.ts';

export interface Wire {
  readonly api: Api;
  readonly clock: Clock;
  readonly namespace: string;
  readonly identity: string;
  readonly dataConverter: DataConverter;
  /** Its converter of values. */
  readonly converter: PayloadConverter;
  /** The first is the outermost; undefined without any. */
  readonly interceptors: readonly ClientInterceptor[] | undefined;
  readonly retry: RetryOptions;
  readonly log: Log;
  readonly queryRejectCondition: QueryRejectCondition;
  /** Aborted by `client.close()`. */
  readonly closed: AbortSignal;
  /** Runs `work` after what was given before for the same key has ended. */
  inOrder<T>(key: string, work: () => Promise<T>): Promise<T>;
}

export function createOrder(): Wire['inOrder'] {
  const tails = new Map<string, Promise<unknown>>();
  return (key, work) => {
    const result = (tails.get(key) ?? Promise.resolve()).then(work);
    const tail = result.then(
      () => {},
      () => {},
    );
    tails.set(key, tail);
    void tail.then(() => {
      if (tails.get(key) === tail) tails.delete(key);
    });
    return result;
  };
}

/** For withRetry. */
export function retryContext(wire: Wire): RetryContext {
  return { clock: wire.clock, options: wire.retry, abort: wire.closed };
}
