/** What all parts of a worker share: the way to the service, the clock, the log, and when to stop. */
import { setMaxListeners } from 'node:events';
import type { WorkerInfo } from '@perdure/proto/perdure/api/v1/common';
import type { Api } from '../common/api.ts';
import type { Clock } from '../common/clock.ts';
import { converterOf, type DataConverter } from '../common/data-converter.ts';
import type { Log } from '../common/log.ts';
import type { PayloadConverter } from '../common/payload-converter.ts';
import { type RetryOptions, withRetry } from '../common/retry.ts';
import type { Refusal } from '../common/service-error.ts';
import { createReceipts, type Receipts } from './receipts.ts';

/** A worker tries for ever, and finds a service that comes back within about two seconds. */
export const WORKER_RETRY: RetryOptions = { maximumIntervalMs: 2_000, maximumElapsedMs: Number.POSITIVE_INFINITY };

export interface Link {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Log;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly info: WorkerInfo;
  readonly dataConverter: DataConverter;
  /** Its converter of values. */
  readonly converter: PayloadConverter;
  readonly receipts: Receipts;
  /** Aborted when the worker takes no more tasks. */
  readonly stopping: AbortSignal;
  /** Aborted when polls that are out are not waited for any more. */
  readonly hungUp: AbortSignal;
  /** Aborted when the worker gives up on everything still in flight. */
  readonly abandoned: AbortSignal;
  stop(): void;
  hangUp(): void;
  abandon(): void;
  /** A call failed and will be made again. One line per outage. */
  failed(refusal: Refusal): void;
  /** A call succeeded. */
  succeeded(): void;
}

export type LinkOptions = Pick<Link, 'api' | 'clock' | 'log' | 'namespace' | 'taskQueue' | 'info' | 'dataConverter'>;

export function createLink(options: LinkOptions): Link {
  const stop = new AbortController();
  const hangUp = new AbortController();
  const abandon = new AbortController();
  // Every call in flight listens.
  setMaxListeners(0, stop.signal, hangUp.signal, abandon.signal);
  let away = false;
  const link: Link = {
    ...options,
    converter: converterOf(options.dataConverter),
    receipts: createReceipts(options.clock, () => void nameReceipts(link)),
    stopping: stop.signal,
    hungUp: hangUp.signal,
    abandoned: abandon.signal,
    stop: () => stop.abort(),
    hangUp: () => hangUp.abort(),
    abandon: () => abandon.abort(),
    failed(refusal) {
      if (away) return;
      away = true;
      options.log('warn', 'the service cannot take calls; trying again until it does', { error: refusal.message });
    },
    succeeded() {
      if (!away) return;
      away = false;
      options.log('info', 'the service takes calls again');
    },
  };
  return link;
}

/** Makes a call until it is answered or refused, however long that takes; rejects early only when the worker is abandoned. */
export async function persist<T>(link: Link, call: () => Promise<T>): Promise<T> {
  const answer = await withRetry({ clock: link.clock, options: WORKER_RETRY, abort: link.abandoned, onFailure: link.failed }, call);
  link.succeeded();
  return answer;
}

/** Names answers that no other call named in time. */
async function nameReceipts(link: Link): Promise<void> {
  const receivedAnswerIds = link.receipts.take();
  try {
    const { api, namespace, info: worker, abandoned: abort } = link;
    await api.heartbeatActivities({ namespace, worker, heartbeats: [], receivedAnswerIds }, { abort });
  } catch {
    // Unnamed answers are undone by the service after a while: no harm beyond the delay.
    if (!link.abandoned.aborted) link.receipts.giveBack(receivedAnswerIds);
  }
}
