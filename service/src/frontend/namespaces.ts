/**
 * Namespace names → rows. Cached for a short while: a change shows everywhere within 5 s. Also counts the client calls of
 * namespaces that may make only so many.
 */
import { MAX_ID_BYTES } from '../core/limits.ts';
import type { Env } from '../env.ts';
import { PerdureError } from '../errors.ts';
import type { NamespaceRow, Store } from '../store/store.ts';
import { boundText } from './validate.ts';

const FRESH_MS = 5_000;
/** A name that does not exist is asked for again soon: somebody may just be creating it. */
const MISSING_FRESH_MS = 1_000;
/** A row that is older is read again before something is refused for what it lacks: it may just have been declared. */
const DOUBTED_FRESH_MS = 200;
const MAX_CACHED = 10_000;

export interface Namespaces {
  /** The row of a name; '' means "default". Rejects with NAMESPACE_NOT_FOUND, or NAMESPACE_DELETING when it is no longer to be used. */
  find(name: string): Promise<NamespaceRow>;
  /** The same, read again unless it was read in the last 200 ms. */
  findFresh(name: string): Promise<NamespaceRow>;
  /** Reads a row anew in the background: what was not there may just have been declared. */
  doubt(name: string): void;
  /** Forgets a row that this node has just changed. */
  changed(name: string): void;
  /** Counts `calls` client calls. Throws RATE_LIMITED when the namespace has had its share of this second. */
  take(name: string, calls: number): void;
}

interface Cached {
  readonly row: Promise<NamespaceRow | undefined>;
  /** Monotonic ms. */
  readonly since: number;
  until: number;
}

/** Calls that may still be made; refilled as time goes. */
interface Bucket {
  readonly perSecond: number;
  tokens: number;
  filledAt: number;
}

export function nameOf(given: string): string {
  return given === '' ? 'default' : boundText('namespace', given, MAX_ID_BYTES);
}

export function namespaceNotFound(name: string): PerdureError {
  return new PerdureError('NAMESPACE_NOT_FOUND', `namespace ${JSON.stringify(name)} does not exist`, { namespace: name });
}

export function namespaceDeleting(name: string): PerdureError {
  return new PerdureError('NAMESPACE_DELETING', `namespace ${JSON.stringify(name)} is being deleted`, { namespace: name });
}

export function createNamespaces(env: Env, store: Store): Namespaces {
  const cache = new Map<string, Cached>();
  const buckets = new Map<string, Bucket>();
  const load = (name: string): Cached => {
    const row = store.getNamespace(name);
    const entry: Cached = { row, since: env.monotonic(), until: env.monotonic() + FRESH_MS };
    cache.delete(name);
    cache.set(name, entry);
    row.then(
      (found) => {
        if (found === undefined) entry.until = env.monotonic() + MISSING_FRESH_MS;
        limitCalls(buckets, name, found?.config.requestsPerSecond ?? 0, env.monotonic());
      },
      // A failed read is not remembered; whoever waits for it gets its error.
      () => {
        if (cache.get(name) === entry) cache.delete(name);
      },
    );
    // Names of callers must not fill the memory; the oldest entry goes.
    const oldest = cache.size > MAX_CACHED ? cache.keys().next().value : undefined;
    if (oldest !== undefined) {
      cache.delete(oldest);
      buckets.delete(oldest);
    }
    return entry;
  };
  const find = async (given: string, mayBeOf: (entry: Cached) => boolean): Promise<NamespaceRow> => {
    const name = nameOf(given);
    const known = cache.get(name);
    const entry = known !== undefined && mayBeOf(known) ? known : load(name);
    const row = await entry.row;
    if (row === undefined) throw namespaceNotFound(name);
    if (row.config.deletingSince !== null) throw namespaceDeleting(name);
    return row;
  };
  const isYoung = (entry: Cached): boolean => entry.since + DOUBTED_FRESH_MS > env.monotonic();
  return {
    find: (given) => find(given, (entry) => entry.until > env.monotonic()),
    findFresh: (given) => find(given, isYoung),
    doubt: (given) => {
      const known = cache.get(nameOf(given));
      if (known !== undefined && !isYoung(known)) load(nameOf(given));
    },
    changed: (given) => {
      cache.delete(nameOf(given));
      // The limit may be another one: it is read with the row.
      buckets.delete(nameOf(given));
    },
    take: (given, calls) => {
      if (buckets.size > 0) takeCalls(buckets, given === '' ? 'default' : given, calls, env.monotonic());
    },
  };
}

/** A namespace that may be called without limit has no bucket; a changed limit begins with a full one. */
function limitCalls(buckets: Map<string, Bucket>, name: string, perSecond: number, now: number): void {
  if (perSecond === 0) buckets.delete(name);
  else if (buckets.get(name)?.perSecond !== perSecond) buckets.set(name, { perSecond, tokens: burstOf(perSecond), filledAt: now });
}

/** One second's calls may come at once, and one call always. */
function burstOf(perSecond: number): number {
  return Math.max(1, perSecond);
}

/** A batch larger than the burst passes when the bucket is full, and is paid for afterwards. */
function takeCalls(buckets: Map<string, Bucket>, name: string, calls: number, now: number): void {
  const bucket = buckets.get(name);
  if (bucket === undefined) return;
  const full = burstOf(bucket.perSecond);
  bucket.tokens = Math.min(full, bucket.tokens + ((now - bucket.filledAt) / 1_000) * bucket.perSecond);
  bucket.filledAt = now;
  const needed = Math.min(calls, full);
  if (bucket.tokens >= needed) {
    bucket.tokens -= calls;
    return;
  }
  const { perSecond } = bucket;
  const waitMs = Math.ceil(((needed - bucket.tokens) / perSecond) * 1_000);
  throw new PerdureError(
    'RATE_LIMITED',
    `namespace ${JSON.stringify(name)}: more than ${perSecond} client calls per second, its limit at each node`,
    { namespace: name, limit: String(perSecond) },
    waitMs,
  );
}
