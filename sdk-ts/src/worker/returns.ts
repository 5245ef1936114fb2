/** Tasks that go back to the service without an answer. */
import { createPersistentBatch } from './completion-batch.ts';
import type { Link } from './link.ts';

export interface Returns {
  /** `begun`: its code ran, so the attempt counts. */
  add(token: Uint8Array, begun: boolean): void;
  /** Resolves when the service has taken all. */
  drained(): Promise<void>;
}

export function createReturns(link: Link): Returns {
  const { api, namespace, info: worker, abandoned: abort } = link;
  const batch = createPersistentBatch<{ token: Uint8Array; begun: boolean }, true>(
    link,
    ({ token }) => token.length + 8,
    async (items) => {
      const untouched = items.filter((item) => !item.begun).map((item) => item.token);
      const begun = items.filter((item) => item.begun).map((item) => item.token);
      await api.returnTasks({ namespace, worker, untouched, begun }, { abort });
      return items.map(() => true);
    },
  );
  return {
    add(token, begun) {
      // The service gives them out again by itself after a while.
      batch.add({ token, begun }).catch((error: unknown) => link.log('debug', 'tasks could not be handed back', { error: String(error) }));
    },
    drained: batch.drained,
  };
}
