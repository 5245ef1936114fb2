/** Namespace names → rows. Cached for a short while: a change shows everywhere within 10 s. */
import { MAX_ID_BYTES } from '../core/limits.ts';
import type { Env } from '../env.ts';
import { PerdureError } from '../errors.ts';
import type { NamespaceRow, Store } from '../store/store.ts';
import { boundText } from './validate.ts';

const FRESH_MS = 10_000;
/** A name that does not exist is asked for again soon: somebody may just be creating it. */
const MISSING_FRESH_MS = 1_000;
const MAX_CACHED = 10_000;

export interface Namespaces {
  /** The row of a name; '' means "default". Rejects with NAMESPACE_NOT_FOUND. */
  find(name: string): Promise<NamespaceRow>;
}

interface Cached {
  readonly row: Promise<NamespaceRow | undefined>;
  /** Monotonic ms. */
  until: number;
}

export function createNamespaces(env: Env, store: Store): Namespaces {
  const cache = new Map<string, Cached>();
  const load = (name: string): Cached => {
    const row = store.getNamespace(name);
    const entry: Cached = { row, until: env.monotonic() + FRESH_MS };
    cache.delete(name);
    cache.set(name, entry);
    row.then(
      (found) => {
        if (found === undefined) entry.until = env.monotonic() + MISSING_FRESH_MS;
      },
      // A failed read is not remembered; whoever waits for it gets its error.
      () => {
        if (cache.get(name) === entry) cache.delete(name);
      },
    );
    // Names of callers must not fill the memory; the oldest entry goes.
    const oldest = cache.size > MAX_CACHED ? cache.keys().next().value : undefined;
    if (oldest !== undefined) cache.delete(oldest);
    return entry;
  };
  return {
    find: async (given) => {
      const name = given === '' ? 'default' : boundText('namespace', given, MAX_ID_BYTES);
      const known = cache.get(name);
      const entry = known !== undefined && known.until > env.monotonic() ? known : load(name);
      const row = await entry.row;
      if (row === undefined)
        throw new PerdureError('NAMESPACE_NOT_FOUND', `namespace ${JSON.stringify(name)} does not exist`, { namespace: name });
      return row;
    },
  };
}
