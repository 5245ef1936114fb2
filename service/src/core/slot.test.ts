// The slot function against the table of docs/architecture.md, which was computed by another program.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SLOTS, slotOf } from './slot.ts';

const text = readFileSync(join(import.meta.dirname, '../../../docs/architecture.md'), 'utf8');
const rows = [...text.matchAll(/^\| `([0-9a-fA-F-]{36})` \| `(.*)` \| (\d+) \|$/gm)].map(([, namespaceId = '', workflowId = '', slot]) => ({
  namespaceId,
  workflowId,
  slot: Number(slot),
}));

test('the table has its rows', () => {
  expect(rows.length).toBeGreaterThanOrEqual(6);
});

test.each(rows)('$namespaceId, "$workflowId" → $slot', ({ namespaceId, workflowId, slot }) => {
  expect(slotOf(namespaceId, workflowId)).toBe(slot);
});

test('ids that differ in their end only spread over all slots', () => {
  const counts = new Uint32Array(SLOTS);
  for (let n = 0; n < SLOTS * 20; n += 1) {
    const slot = slotOf('01890a5d-ac96-774b-bcce-b302099a8057', `order-${n}`);
    counts[slot] = (counts[slot] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(0);
  expect(Math.max(...counts)).toBeLessThan(60);
});
