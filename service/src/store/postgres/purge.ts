/** Deletion of closed runs and of mark-only rows: one fenced statement that takes a slice. */
import type { PurgeAnswer, PurgeItem } from '../store.ts';
import { int4Array, int8Array, textArray, uuidArray } from './arrays.ts';
import type { Sessions } from './sessions.ts';
import { statement } from './statements.ts';

/**
 * item: what may be purged; up_to is -1 for a whole run. victim: its log rows, at most one more than may go now, in the
 * order of runs, so that `cut` is where this slice ends. finished: items before the cut; only their rows in executions
 * and visibility go, after or with the last of the log. The last row of a run that stays is its anchor and never goes.
 */
const purgeSlice = statement(
  'purge',
  `WITH me AS (
    SELECT n.node_id FROM nodes AS n WHERE n.node_id = $1::UUID FOR SHARE
  ), item AS MATERIALIZED (
    SELECT k.slot, k.namespace_id, k.workflow_id, k.run_id, k.up_to, COALESCE(x.checkpoint_seq, 0) AS checkpoint_seq
    FROM me, unnest($2::INT4[], $3::UUID[], $4::TEXT[], $5::UUID[], $6::INT8[]) AS k(slot, namespace_id, workflow_id, run_id, up_to)
    JOIN slots AS s ON s.slot = k.slot
    LEFT JOIN executions AS x ON x.slot = k.slot AND x.namespace_id = k.namespace_id AND x.workflow_id = k.workflow_id AND x.run_id = k.run_id
    WHERE s.owner = $1::UUID AND (x.run_id IS NULL OR x.status <> 1 OR k.up_to >= 0)
  ), victim AS MATERIALIZED (
    SELECT h.slot, h.run_id, h.seq, row_number() OVER (ORDER BY h.slot, h.run_id, h.seq) AS place
    FROM item JOIN history AS h ON h.slot = item.slot AND h.run_id = item.run_id
    WHERE item.up_to < 0 OR (
      h.event_count = 0 AND h.seq <= item.up_to AND h.seq <= item.checkpoint_seq
      AND EXISTS (SELECT 1 FROM history AS n WHERE n.slot = h.slot AND n.run_id = h.run_id AND n.seq > h.seq))
    ORDER BY h.slot, h.run_id, h.seq LIMIT $7::INT8 + 1
  ), cut AS (
    SELECT v.slot, v.run_id FROM victim AS v WHERE v.place = $7::INT8 + 1
  ), finished AS MATERIALIZED (
    SELECT item.slot, item.namespace_id, item.workflow_id, item.run_id, item.up_to FROM item
    WHERE NOT EXISTS (SELECT 1 FROM cut WHERE (item.slot, item.run_id) >= (cut.slot, cut.run_id))
  ), dh AS (
    DELETE FROM history AS h USING victim AS v
    WHERE h.slot = v.slot AND h.run_id = v.run_id AND h.seq = v.seq AND v.place <= $7::INT8
    RETURNING h.run_id
  ), dx AS (
    DELETE FROM executions AS x USING finished AS f
    WHERE x.slot = f.slot AND x.namespace_id = f.namespace_id AND x.workflow_id = f.workflow_id AND x.run_id = f.run_id AND f.up_to < 0
    RETURNING x.run_id
  ), dv AS (
    DELETE FROM visibility AS v USING finished AS f
    WHERE v.namespace_id = f.namespace_id AND v.run_id = f.run_id AND f.up_to < 0
    RETURNING v.run_id
  )
  SELECT (SELECT count(*) FROM me) AS alive, ARRAY(SELECT f.run_id::TEXT FROM finished AS f) AS done`,
);

const WHOLE_RUN = -1;

export async function purge(sessions: Sessions, me: string, items: readonly PurgeItem[], maxRows: number): Promise<PurgeAnswer> {
  const values = [
    me,
    int4Array(items, (item) => item.key.slot),
    uuidArray(items, (item) => item.key.namespaceId),
    textArray(items, (item) => item.key.workflowId),
    uuidArray(items, (item) => item.key.runId),
    int8Array(items, (item) => item.marksUpToSeq ?? WHOLE_RUN),
    maxRows,
  ];
  // Planned anew each time: unlike lookups by subquery, these joins must know how big the tables are now.
  const [row] = await sessions.run<{ alive: number; done: string[] }>('write', purgeSlice, values, false);
  return { alive: row?.alive === 1, done: row?.done ?? [] };
}
