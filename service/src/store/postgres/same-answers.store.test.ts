/** R-VIS-2: the memory store and PostgreSQL give the same answers to random filters over random rows. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTestDatabase } from '../../../test/support/database.ts';
import { ask, fill, filters, rows } from '../../../test/support/store/same-answers.ts';
import { newId } from '../../../test/support/store/scene.ts';
import { createMemoryStore } from '../memory/store.ts';
import type { VisibilityFilter } from '../store.ts';
import { createPostgresStore } from './store.ts';

const SETS = 3;
const FILTERS = 120;

test('random filters over random rows', async () => {
  const memory = createMemoryStore({ now: () => 0 });
  const postgres = createPostgresStore({ url: await createTestDatabase() });
  let hits = 0;
  let seed = 0;
  let different: { namespaceId: string; filter: VisibilityFilter } | undefined;
  try {
    await fc.assert(
      fc.asyncProperty(rows, fc.array(filters, { minLength: FILTERS, maxLength: FILTERS }), async (list, asked) => {
        const namespaceId = newId();
        await fill(memory, namespaceId, list);
        await fill(postgres, namespaceId, list);
        for (const filter of asked) {
          const expected = await ask(memory, namespaceId, filter);
          if (expected.count > 0 && expected.count < list.length) hits += 1;
          if (!isDeepStrictEqual(await ask(postgres, namespaceId, filter), expected)) different ??= { namespaceId, filter };
        }
        return different === undefined;
      }),
      { numRuns: SETS, endOnFailure: true, reporter: (run) => (seed = run.seed) },
    );
    if (different !== undefined) {
      const { namespaceId, filter } = different;
      const expected = await ask(memory, namespaceId, filter);
      expect(await ask(postgres, namespaceId, filter), `seed ${seed}: ${JSON.stringify(filter)}`).toEqual(expected);
    }
  } finally {
    await Promise.all([memory.close(), postgres.close()]);
  }
  // Filters that take all or nothing would show little.
  expect(hits).toBeGreaterThan((SETS * FILTERS) / 6);
});
