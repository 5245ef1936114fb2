/** Batches that wait for nobody: a batch is what queued up while the batches before it were in flight. */
import { type Clock, pause } from './clock.ts';
import { Code, type Refusal, refusalOf } from './service-error.ts';

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
  /**
   * Ms until an item that was answered by `error` goes again; meanwhile its key is held, so that it stays ahead of what was added after
   * it. undefined: `add` rejects. `failures` of this item so far, `sinceMs` since the first. Default: always undefined.
   */
  againAfter?(error: Error, failures: number, sinceMs: number): number | undefined;
  /** Ends waiting. */
  readonly abort?: AbortSignal;
}

export interface Batch<I, O> {
  /** Queues an item; the answer to it. */
  add(item: I): Promise<O>;
}

interface Entry<I, O> {
  readonly item: I;
  readonly key: string;
  readonly bytes: number;
  failures: number;
  firstFailure: number;
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

  const hold = (entries: readonly Entry<I, O>[]): void => {
    if (keyOf) for (const entry of entries) heldKeys.add(entry.key);
  };
  const free = (entries: readonly Entry<I, O>[]): void => {
    if (keyOf) for (const entry of entries) heldKeys.delete(entry.key);
  };
  const dispatch = async (entries: Entry<I, O>[]): Promise<void> => {
    sending += 1;
    hold(entries);
    const resting = await settle(entries, options);
    sending -= 1;
    free(entries);
    for (const group of together(resting, keyOf !== undefined)) void rest(group);
    schedule();
  };
  /** Entries of one key that go again, ahead of all that is queued. */
  const rest = async (group: readonly Resting<I, O>[]): Promise<void> => {
    const entries = group.map(({ entry }) => entry);
    hold(entries);
    await pause(clock, Math.max(...group.map(({ delay }) => delay)), options.abort);
    free(entries);
    queue.unshift(...entries);
    schedule();
  };

  return {
    add: (item) =>
      new Promise<O>((resolve, reject) => {
        queue.push({ item, key: keyOf?.(item) ?? '', bytes: options.bytesOf(item), failures: 0, firstFailure: 0, resolve, reject });
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

/** An entry that goes again, and when. */
interface Resting<I, O> {
  readonly entry: Entry<I, O>;
  readonly delay: number;
}

function together<I, O>(resting: readonly Resting<I, O>[], byKey: boolean): Resting<I, O>[][] {
  return byKey ? [...Map.groupBy(resting, ({ entry }) => entry.key).values()] : resting.map((each) => [each]);
}

/** Sends entries and answers them; those that go again are returned. */
async function settle<I, O>(entries: readonly Entry<I, O>[], options: BatchOptions<I, O>): Promise<Resting<I, O>[]> {
  let answers: readonly (O | Error)[];
  try {
    answers = await options.send(entries.map((entry) => entry.item));
  } catch (error) {
    if (entries.length > 1 && isForOne(refusalOf(error))) {
      const middle = Math.ceil(entries.length / 2);
      return [...(await settle(entries.slice(0, middle), options)), ...(await settle(entries.slice(middle), options))];
    }
    for (const entry of entries) entry.reject(error);
    return [];
  }
  const resting: Resting<I, O>[] = [];
  for (const [index, entry] of entries.entries()) {
    const answer = answers[index];
    if (answer === undefined && index >= answers.length)
      entry.reject(new Error(`the service answered ${answers.length} of ${entries.length} items`));
    else if (answer instanceof Error) {
      const delay = delayOf(entry, answer, options);
      if (delay === undefined) entry.reject(answer);
      else resting.push({ entry, delay });
    } else entry.resolve(answer as O);
  }
  return resting;
}

/** A call refused for what one of its items holds, perhaps (its size, for example): the others must not suffer. */
function isForOne(refusal: Refusal | undefined): boolean {
  if (refusal?.code === Code.INVALID_ARGUMENT) return true;
  // Without a reason the transport says it: the message is larger than it takes.
  return refusal?.code === Code.RESOURCE_EXHAUSTED && refusal.reason === '';
}

function delayOf<I, O>(entry: Entry<I, O>, error: Error, { clock, againAfter }: BatchOptions<I, O>): number | undefined {
  const now = clock.monotonic();
  if (entry.failures === 0) entry.firstFailure = now;
  entry.failures += 1;
  return againAfter?.(error, entry.failures, now - entry.firstFailure);
}
