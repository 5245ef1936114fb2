// What is let into the queue of the commit lanes.
import { expect, test } from 'vitest';
import type { History } from './context.ts';
import { admit } from './lane.ts';

/** All of `admit` that a queue of `queued` changes out of 100 can decide. */
function refused(queued: number, bytes = 0): string[] {
  const h = {
    lanes: [
      { queued: queued - 10, queuedBytes: 0 },
      { queued: 10, queuedBytes: bytes },
    ],
    options: { queueLimit: 100 },
  } as unknown as History;
  return (['start', 'request', 'owed'] as const).filter((kind) => {
    try {
      admit(h, kind);
      return false;
    } catch (error) {
      expect(error).toMatchObject({ reason: 'OVERLOADED', retryAfterMs: 250, metadata: { queued: String(queued) } });
      return true;
    }
  });
}

test('R-COMMIT-7: a filling queue refuses starts first, then requests, what is owed last', () => {
  expect(refused(10)).toEqual([]);
  expect(refused(10, 200 * 1_048_576)).toEqual(['start', 'request']);
  expect(refused(49)).toEqual([]);
  expect(refused(50)).toEqual(['start']);
  expect(refused(75)).toEqual(['start', 'request']);
  expect(refused(100)).toEqual(['start', 'request', 'owed']);
});
