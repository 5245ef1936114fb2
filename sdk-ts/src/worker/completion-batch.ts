/** Batches of answers to the service: what queued while the calls before were in flight. */

import type { Command } from '@perdure/proto/perdure/api/v1/command';
import type { ItemError } from '@perdure/proto/perdure/api/v1/common';
import { type Batch, createBatch } from '../common/batch.ts';
import { withRetry } from '../common/retry.ts';
import { itemRefusal, ServiceError } from '../common/service-error.ts';
import { roughBytes } from '../common/size.ts';
import { type Link, persist, WORKER_RETRY } from './link.ts';

/** Under the service's limit of 4 MiB, with room for what is estimated. */
const MAX_BYTES = 3 * 1024 * 1024;
/** The service's limit of items in one request. */
const MAX_ITEMS = 1_000;
/** Calls in flight: a second one keeps the line busy while the first is committed. */
const IN_FLIGHT = 2;

/** What `createPersistentBatch` makes. */
export interface PersistentBatch<I, O> extends Batch<I, O> {
  /** Resolves when nothing waits for its answer. */
  drained(): Promise<void>;
}

/** Batches whose calls, and whose items, are repeated until they are answered or refused for good, or the worker is abandoned. */
export function createPersistentBatch<I, O>(
  link: Link,
  bytesOf: (item: I) => number,
  send: (items: readonly I[]) => Promise<readonly (O | Error)[]>,
): PersistentBatch<I, O> {
  const { clock, abandoned } = link;
  const batch = createBatch<I, O>({
    clock,
    inFlight: IN_FLIGHT,
    maxItems: MAX_ITEMS,
    maxBytes: MAX_BYTES,
    bytesOf,
    send: (items) => persist(link, () => send(items)),
  });
  let open = 0;
  let idle: (() => void)[] = [];
  return {
    async add(item) {
      open += 1;
      try {
        // One item may have to wait for its owner while all others go on.
        return await withRetry({ clock, options: WORKER_RETRY, abort: abandoned }, () => batch.add(item));
      } finally {
        open -= 1;
        if (open === 0) {
          for (const resolve of idle) resolve();
          idle = [];
        }
      }
    },
    drained: () => (open === 0 ? Promise.resolve() : new Promise((resolve) => idle.push(resolve))),
  };
}

/** Per-item refusals of the protocol (code 0: taken) as answers of a batch. */
export function acknowledgements(errors: readonly ItemError[]): (true | Error)[] {
  return errors.map((error) => (error.code === 0 ? true : new ServiceError(itemRefusal(error))));
}

/** The command that takes most room, in words. */
export function largestCommand(commands: readonly Command[]): string {
  const sizes = commands.map((command, index) => ({ index, kind: command.attributes?.$case ?? 'empty', bytes: roughBytes(command) }));
  const largest = sizes.reduce((a, b) => (b.bytes > a.bytes ? b : a));
  return `command ${largest.index + 1} of ${commands.length} (${largest.kind}, about ${largest.bytes} bytes)`;
}
