/** Typical filters over many runs go by index, not only because sequential scans are switched off for the service. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from '../../../test/support/database.ts';
import { FILL_RUNS, planOf, sequentialScans, TYPICAL_FILTERS } from '../../../test/support/store/plans.ts';
import type { VisibilityFilter } from '../store.ts';
import { type AdminSession, openAdmin } from './admin.ts';

const RUNS = 50_000;

let admin: AdminSession;
beforeAll(async () => {
  admin = await openAdmin(await createTestDatabase());
  for (const step of FILL_RUNS(RUNS)) await admin.run(step);
}, 60_000);
afterAll(() => admin.close());

const is = (
  field: string,
  type: 'keyword' | 'int' | 'datetime',
  op: '=' | 'isNotNull' | '>',
  value: string | number,
): VisibilityFilter => ({
  kind: 'compare',
  field,
  type,
  op,
  value,
});

test.each([
  [undefined, 'visibility_time'],
  [is('Status', 'int', '=', 3), 'visibility_status'],
  [is('WorkflowType', 'keyword', '=', 'type-7'), 'visibility_type'],
  [is('WorkflowId', 'keyword', '=', 'order-77'), 'executions_pkey'],
  [is('BlockedCause', 'keyword', 'isNotNull', ''), 'visibility_blocked'],
  [is('BlockedCause', 'keyword', '=', 'NONDETERMINISM'), 'visibility_blocked'],
  [is('Customer', 'keyword', '=', 'c-77'), 'visibility_attributes'],
] as const)('%j goes by %s', async (filter, index) => {
  const { tree, text } = await planOf(admin, filter, undefined, false);
  expect(sequentialScans(tree), text).toEqual([]);
  expect(text).toContain(index);
});

test('the typical filters are those that bench/plans.ts shows', () => {
  expect(TYPICAL_FILTERS.length).toBeGreaterThan(10);
});
