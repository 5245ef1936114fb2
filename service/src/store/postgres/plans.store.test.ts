/** Statements that look up keys do so by index, whether the tables are empty, full but not analysed, or both. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from '../../../test/support/database.ts';
import { type AdminSession, openAdmin } from './admin.ts';
import { SESSION_SETTINGS } from './connect.ts';
import { LANE_SETTINGS } from './lane.ts';
import { SESSIONS_SETTINGS } from './sessions.ts';
import { registeredStatements } from './statements.ts';
import './store.ts';

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly Plan[];
}

/** By table, what each lookup must name: all of a key, or slot and time of the due scan. */
const KEYS: Readonly<Record<string, readonly RegExp[]>> = {
  history: [/slot = .*run_id = /],
  executions: [/slot = .*workflow_id = /, /slot = .*wake_at >= .*wake_at <= /],
  visibility: [/run_id = /],
};

/** Scans of the big tables that do not go by key. */
function scans(plan: Plan): string[] {
  const table = plan['Relation Name'] ?? '';
  const keys = plan['Node Type'] === 'ModifyTable' ? undefined : KEYS[table];
  const condition = plan['Index Cond'] ?? '';
  const bad =
    keys !== undefined && !keys.some((key) => key.test(condition)) ? [`${plan['Node Type']} of ${table} by ${condition || 'nothing'}`] : [];
  return [...bad, ...(plan.Plans ?? []).flatMap(scans)];
}

const LOOKUPS: readonly (readonly [name: string, settings: Readonly<Record<string, string>>])[] = [
  ['commit_batch', LANE_SETTINGS],
  ['load_runs', SESSIONS_SETTINGS],
  ['find_run', SESSIONS_SETTINGS],
  ['read_history', SESSIONS_SETTINGS],
  ['due_keys', SESSIONS_SETTINGS],
];
/** Planned at each use, so a plan for empty tables is never used on full ones. */
const PLANNED_ANEW = ['purge', SESSIONS_SETTINGS] as const;

const FILL = [
  ...['executions', 'history', 'visibility'].map((table) => `ALTER TABLE ${table} SET (autovacuum_enabled = off)`),
  `INSERT INTO executions (slot, namespace_id, workflow_id, run_id, status, wake_at, last_seq, next_event_id, type, task_queue, started_at)
   SELECT i % 4096, '00000000-0000-7000-8000-000000000001', 'order-' || i, gen_random_uuid(), 1, 0, 1, 2, 'order', 'orders', i FROM generate_series(1, 20000) AS i`,
  "INSERT INTO history (slot, run_id, seq, first_event_id, event_count, events) SELECT slot, run_id, 1, 1, 1, '\\x00' FROM executions",
  `INSERT INTO visibility (namespace_id, run_id, workflow_id, type, status, started_at, task_queue, build_id, blocked_cause, history_length)
   SELECT namespace_id, run_id, workflow_id, type, status, started_at, task_queue, '', '', 1 FROM executions`,
];

let admin: AdminSession;
beforeAll(async () => {
  admin = await openAdmin(await createTestDatabase());
});
afterAll(() => admin.close());

async function allScans(statements: typeof LOOKUPS, withSettings = true): Promise<string[]> {
  const found: string[] = [];
  for (const [name, settings] of statements) {
    await admin.run('RESET ALL');
    const all = withSettings ? { ...SESSION_SETTINGS, ...settings } : {};
    for (const [setting, value] of Object.entries(all)) await admin.run('SELECT set_config($1, $2, false)', [setting, value]);
    const text = registeredStatements().find((statement) => statement.name === name)?.text ?? '';
    const [row] = await admin.run<{ 'QUERY PLAN': [{ Plan: Plan }] }>(`EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${text}`);
    if (row === undefined) throw new Error(`no plan for ${name}`);
    found.push(...scans(row['QUERY PLAN'][0].Plan).map((scan) => `${name}: ${scan}`));
  }
  return found;
}

test('lookups go by key on empty and on full tables, analysed or not', async () => {
  expect(await allScans(LOOKUPS), 'empty').toEqual([]);
  await admin.run('ANALYZE');
  expect(await allScans(LOOKUPS), 'empty and analysed').toEqual([]);
  // Without the guard a plan of this moment reads whole tables, for as long as it is kept.
  expect((await allScans(LOOKUPS, false)).length).toBeGreaterThan(0);
  for (const step of FILL) await admin.run(step);
  expect(await allScans([...LOOKUPS, PLANNED_ANEW]), 'full').toEqual([]);
  await admin.run('ANALYZE');
  expect(await allScans([...LOOKUPS, PLANNED_ANEW]), 'full and analysed').toEqual([]);
});
