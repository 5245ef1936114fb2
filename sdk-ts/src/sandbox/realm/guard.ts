// The host's functions so that none of its errors gets in: they would lead to the host's own objects. Only a full stack makes them fail.

import type { LibraryHost } from '../border.ts';

export function guardHost(host: LibraryHost): LibraryHost {
  return {
    ...host,
    // The given function is called from here: the host may complain about what it is.
    runInScope<T>(scope: Parameters<LibraryHost['runInScope']>[0], fn: () => T): T {
      let end: (() => T) | undefined;
      try {
        host.runInScope(scope, () => {
          end = ending(fn);
        });
      } catch {
        throw stackIsFull();
      }
      if (end === undefined) throw stackIsFull();
      return end();
    },
    currentScope() {
      try {
        return host.currentScope();
      } catch {
        throw stackIsFull();
      }
    },
    parseUrl(input, base, part, value) {
      try {
        return host.parseUrl(input, base, part, value);
      } catch {
        throw stackIsFull();
      }
    },
  };
}

/** Calls, and answers how to end as the call did. */
function ending<T>(fn: () => T): () => T {
  try {
    const value = fn();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function stackIsFull(): RangeError {
  return new RangeError('Maximum call stack size exceeded');
}
