/** Batches that wait for nobody: a batch is what queued up while the batches before it were in flight. */
import type { Clock } from './clock.ts';
import { Code, refusalOf } from './service-error.ts';

export interface BatchOptions<I, O> {
  readonly clock: Clock;
  /** Batches in flight at most. */
  readonly inFlight: number;
  readonly maxItems: number;
  readonly maxBytes: number;
  /** About how many bytes the item takes. */
  bytesOf(item: I): number;
  /**
   * Items with the same key never are in two batches in flight at once, so their order is kept. Without it there is no order between
   * batches.
   */
  keyOf?(item: I): string;
  /** Sends a batch; answers in order, one per item. An `Error` among them rejects that item alone. */
  send(items: readonly I[]): Promise<readonly (O | Error)[]>;
}

export interface Batch<I, O> {
  /** Queues an item; the answer to it. */
  add(item: I): Promise<O>;
}

interface Entry<I, O> {
  readonly item: I;
  readonly key: string;
  readonly bytes: number;
  readonly resolve: (answer: O) => void;
  readonly reject: (error: unknown) => void;
}

export function createBatch<I, O>(options: BatchOptions<I, O>): Batch<I, O> {
  const { clock, inFlight, keyOf } = options;
  let queue: Entry<I, O>[] = [];
  let sending = 0;
  let scheduled = false;
  const heldKeys = new Set<string>();

  // One turn later, so that everything added in this turn of the event loop travels together.
  const schedule = (): void => {
    if (scheduled || sending >= inFlight || queue.length === 0) return;
    scheduled = true;
    clock.setTimer(0, () => {
      scheduled = false;
      flush();
    });
  };

  const flush = (): void => {
    while (sending < inFlight) {
      const taken = takeEntries(queue, options, heldKeys);
      if (taken.entries.length === 0) return;
      queue = taken.rest;
      void dispatch(taken.entries);
    }
  };

  const dispatch = async (entries: Entry<I, O>[]): Promise<void> => {
    sending += 1;
    if (keyOf) for (const entry of entries) heldKeys.add(entry.key);
    await settle(entries, options);
    sending -= 1;
    if (keyOf) for (const entry of entries) heldKeys.delete(entry.key);
    schedule();
  };

  return {
    add: (item) =>
      new Promise<O>((resolve, reject) => {
        queue.push({ item, key: keyOf?.(item) ?? '', bytes: options.bytesOf(item), resolve, reject });
        schedule();
      }),
  };
}

/** Takes the first entries that fit and whose key is not in flight, in order. */
function takeEntries<I, O>(
  queue: Entry<I, O>[],
  options: BatchOptions<I, O>,
  heldKeys: ReadonlySet<string>,
): { entries: Entry<I, O>[]; rest: Entry<I, O>[] } {
  const entries: Entry<I, O>[] = [];
  const held: Entry<I, O>[] = [];
  let bytes = 0;
  let at = 0;
  for (; at < queue.length && entries.length < options.maxItems; at += 1) {
    const entry = queue[at] as Entry<I, O>;
    if (options.keyOf && heldKeys.has(entry.key)) {
      held.push(entry);
      continue;
    }
    if (entries.length > 0 && bytes + entry.bytes > options.maxBytes) break;
    bytes += entry.bytes;
    entries.push(entry);
  }
  return { entries, rest: held.length === 0 ? queue.slice(at) : [...held, ...queue.slice(at)] };
}

async function settle<I, O>(entries: readonly Entry<I, O>[], options: BatchOptions<I, O>): Promise<void> {
  try {
    const answers = await options.send(entries.map((entry) => entry.item));
    for (const [index, entry] of entries.entries()) {
      const answer = answers[index];
      if (answer === undefined && index >= answers.length)
        entry.reject(new Error(`the service answered ${answers.length} of ${entries.length} items`));
      else if (answer instanceof Error) entry.reject(answer);
      else entry.resolve(answer as O);
    }
  } catch (error) {
    // Refused for what one of them holds (its size, for example): the others must not suffer.
    if (entries.length > 1 && refusalOf(error)?.code === Code.INVALID_ARGUMENT) for (const entry of entries) await settle([entry], options);
    else for (const entry of entries) entry.reject(error);
  }
}
