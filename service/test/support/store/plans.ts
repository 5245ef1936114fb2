/** Many runs made by SQL, typical filters over them, and what their plans read. */
import type { ValueType } from '../../../src/core/visibility-fields.ts';
import type { AdminSession } from '../../../src/store/postgres/admin.ts';
import { SESSION_SETTINGS } from '../../../src/store/postgres/connect.ts';
import { SESSIONS_SETTINGS } from '../../../src/store/postgres/sessions.ts';
import { listStatement } from '../../../src/store/postgres/visibility.ts';
import { DEFAULT_NAMESPACE } from '../../../src/store/seed.ts';
import type { VisibilityFilter, VisibilityOrder } from '../../../src/store/store.ts';

const DECLARED: Readonly<Record<string, ValueType>> = { Customer: 'keyword', Amount: 'double', Tags: 'keywordList', Urgent: 'bool' };

export const TYPICAL_FILTERS: readonly (readonly [filter: string, declared: typeof DECLARED])[] = [
  '',
  'ORDER BY StartTime ASC',
  "Status = 'Running'",
  "Status IN ('Failed', 'TimedOut')",
  "WorkflowType = 'type-7' AND Status = 'Failed'",
  "WorkflowId = 'order-77'",
  "RunId = '00000000-0000-7000-8000-00000000004d'",
  'StartTime > now-1h',
  'BlockedCause IS NOT NULL',
  "BlockedCause = 'NONDETERMINISM'",
  "Customer = 'c-77'",
  "Customer IN ('c-7', 'c-8') AND Status = 'Completed'",
  'Amount > 9.5',
  "Tags = 'rare'",
  'Urgent = true AND CloseTime IS NULL',
].map((filter) => [filter, DECLARED]);

const { namespaceId } = DEFAULT_NAMESPACE;

/** One run a second up to now; each 10th open, each 5 000th blocked, half of them with attributes. */
export const FILL_RUNS = (runs: number): string[] => [
  `INSERT INTO visibility (namespace_id, run_id, workflow_id, type, status, started_at, closed_at, task_queue, build_id, blocked_cause, history_length, attributes)
   SELECT '${namespaceId}', ('00000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::UUID, 'order-' || i, 'type-' || i % 20,
     CASE WHEN i % 10 = 0 THEN 1 WHEN i % 50 = 1 THEN 3 ELSE 2 END, s.started, CASE WHEN i % 10 = 0 THEN NULL ELSE s.started + 500 END,
     'q', '', CASE WHEN i % 5000 = 0 THEN 'NONDETERMINISM' ELSE '' END, 9,
     CASE WHEN i % 2 = 0 THEN NULL ELSE jsonb_build_object('Customer', 'c-' || i % 10000, 'Amount', i % 10, 'Urgent', i % 100 = 1,
       'Tags', CASE WHEN i % 10007 = 0 THEN '["rare","x"]'::JSONB ELSE '["x"]'::JSONB END) END
   FROM generate_series(1, ${runs}) AS i, LATERAL (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::INT8 - (${runs} - i) * 1000::INT8 AS started) AS s`,
  `INSERT INTO executions (slot, namespace_id, workflow_id, run_id, status, last_seq, next_event_id, type, task_queue, started_at)
   SELECT abs(hashtext(v.workflow_id)) % 4096, v.namespace_id, v.workflow_id, v.run_id, v.status, 1, 2, v.type, 'q', v.started_at FROM visibility AS v`,
  'ANALYZE',
];

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

/** Tables that the plan reads from end to end. */
export function sequentialScans(node: PlanNode): string[] {
  const own = node['Node Type'] === 'Seq Scan' ? [`sequential scan of ${node['Relation Name']}`] : [];
  return [...own, ...(node.Plans ?? []).flatMap(sequentialScans)];
}

/** The plan of a page of 100, with the settings of the service's own sessions but for their ban of sequential scans. */
export async function planOf(
  admin: AdminSession,
  filter: VisibilityFilter | undefined,
  order: VisibilityOrder | undefined,
  analyze: boolean,
): Promise<{ tree: PlanNode; text: string; ms: number }> {
  for (const [setting, value] of Object.entries({ ...SESSION_SETTINGS, ...SESSIONS_SETTINGS, enable_seqscan: 'on' }))
    await admin.run('SELECT set_config($1, $2, false)', [setting, value]);
  const { text, values } = listStatement({ namespaceId, filter, order, limit: 101, after: undefined });
  const [json] = await admin.run<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(`EXPLAIN (FORMAT JSON) ${text}`, values);
  if (json === undefined) throw new Error('no plan');
  const began = performance.now();
  const lines = await admin.run<{ 'QUERY PLAN': string }>(`EXPLAIN (COSTS OFF${analyze ? ', ANALYZE, TIMING OFF' : ''}) ${text}`, values);
  return { tree: json['QUERY PLAN'][0].Plan, text: lines.map((line) => line['QUERY PLAN']).join('\n'), ms: performance.now() - began };
}
