/** The commit statement: everything a batch changes, in one statement and one implicit transaction. */
import type { CommitAnswer, CommitRecord } from '../store.ts';
import { type Statement, statement } from './statements.ts';

/**
 * fence: this node's row, locked against deletion until the end; without it nothing below has a source.
 * x: runs whose row in executions changes, and runs without a log row. taken: starts whose workflow id has another
 * open run, unless this batch closes that run and its log stands where the batch thinks it does. h: log rows, each
 * only behind its anchor; the first row of a run decides for all of them. accepted: runs of which everything is
 * written, by their first seq.
 *
 * Keys are looked up by scalar subqueries rather than joins: those can only be answered through the primary key, also
 * by a plan that was made while the tables were empty.
 */
export const commitBatch: Statement = statement(
  'commit_batch',
  `WITH fence AS (
    SELECT n.node_id FROM nodes AS n WHERE n.node_id = $1::UUID FOR SHARE
  ), x AS (
    SELECT t.slot, t.namespace_id, t.workflow_id, t.run_id, t.prev_seq, t.has_rows, t.closes, t.has_row,
      t.status, t.wake_at, t.last_seq, t.next_event_id, t.type, t.task_queue, t.started_at, t.closed_at,
      t.checkpoint_at, t.checkpoint_length, t.checkpoint_seq
    FROM fence, unnest(
      $13::INT4[], $14::UUID[], $15::TEXT[], $16::UUID[], $17::INT8[], $18::BOOL[], $19::BOOL[], $20::BOOL[],
      $21::INT4[], $22::INT8[], $23::INT8[], $24::INT8[], $25::TEXT[], $26::TEXT[], $27::INT8[], $28::INT8[],
      $29::INT4[], $30::INT4[], $31::INT8[]
    ) AS t(slot, namespace_id, workflow_id, run_id, prev_seq, has_rows, closes, has_row,
      status, wake_at, last_seq, next_event_id, type, task_queue, started_at, closed_at,
      checkpoint_at, checkpoint_length, checkpoint_seq)
  ), taken AS (
    SELECT s.run_id, s.open_run_id FROM (
      SELECT x.run_id, (
        SELECT min(o.run_id::TEXT) FROM executions AS o
        WHERE o.slot = x.slot AND o.namespace_id = x.namespace_id AND o.workflow_id = x.workflow_id
          AND o.status = 1 AND o.run_id <> x.run_id
          AND NOT EXISTS (
            SELECT 1 FROM x AS c
            WHERE c.closes AND c.run_id = o.run_id
              AND (SELECT p.seq FROM history AS p WHERE p.slot = c.slot AND p.run_id = c.run_id AND p.seq = c.prev_seq) IS NOT NULL
              AND (SELECT q.seq FROM history AS q WHERE q.slot = c.slot AND q.run_id = c.run_id AND q.seq = c.prev_seq + 1) IS NULL)
      ) AS open_run_id
      FROM x WHERE x.prev_seq = 0
    ) AS s WHERE s.open_run_id IS NOT NULL
  ), h AS (
    INSERT INTO history (slot, run_id, seq, first_event_id, event_count, events, marks)
    SELECT r.slot, r.run_id, r.seq, r.first_event_id, r.event_count, substr($2::BYTEA, r.events_at, r.events_length),
      CASE WHEN r.marks_length < 0 THEN NULL ELSE substr($2::BYTEA, r.events_at + r.events_length, r.marks_length) END
    FROM fence, unnest(
      $4::INT4[], $5::UUID[], $6::INT8[], $7::INT8[], $8::INT8[], $9::INT4[], $10::INT4[], $11::INT4[], $12::INT4[]
    ) AS r(slot, run_id, prev_seq, seq, first_event_id, event_count, events_at, events_length, marks_length)
    WHERE NOT EXISTS (SELECT 1 FROM taken WHERE taken.run_id = r.run_id)
      AND (r.prev_seq = 0 OR
        (SELECT p.seq FROM history AS p WHERE p.slot = r.slot AND p.run_id = r.run_id AND p.seq = r.prev_seq) IS NOT NULL)
      AND (r.seq = r.prev_seq + 1 OR
        (SELECT q.seq FROM history AS q WHERE q.slot = r.slot AND q.run_id = r.run_id AND q.seq = r.prev_seq + 1) IS NULL)
    ON CONFLICT (slot, run_id, seq) DO NOTHING
    RETURNING run_id, seq
  ), accepted AS (
    SELECT h.run_id, h.seq FROM h
    UNION ALL
    SELECT x.run_id, x.prev_seq + 1 FROM x
    WHERE NOT x.has_rows
      AND (SELECT p.seq FROM history AS p WHERE p.slot = x.slot AND p.run_id = x.run_id AND p.seq = x.prev_seq) IS NOT NULL
      AND (SELECT q.seq FROM history AS q WHERE q.slot = x.slot AND q.run_id = x.run_id AND q.seq = x.prev_seq + 1) IS NULL
  ), e AS (
    INSERT INTO executions (slot, namespace_id, workflow_id, run_id, status, wake_at, last_seq, next_event_id,
      type, task_queue, started_at, closed_at, checkpoint, checkpoint_seq)
    SELECT x.slot, x.namespace_id, x.workflow_id, x.run_id, x.status, x.wake_at, x.last_seq, x.next_event_id,
      x.type, x.task_queue, x.started_at, x.closed_at,
      CASE WHEN x.checkpoint_length < 0 THEN NULL ELSE substr($2::BYTEA, x.checkpoint_at, x.checkpoint_length) END, x.checkpoint_seq
    FROM x JOIN accepted AS a ON a.run_id = x.run_id AND a.seq = x.prev_seq + 1
    WHERE x.has_row
    ON CONFLICT (slot, namespace_id, workflow_id, run_id) DO UPDATE SET
      status = excluded.status, wake_at = excluded.wake_at, last_seq = excluded.last_seq, next_event_id = excluded.next_event_id,
      type = excluded.type, task_queue = excluded.task_queue, started_at = excluded.started_at, closed_at = excluded.closed_at,
      checkpoint = COALESCE(excluded.checkpoint, executions.checkpoint),
      checkpoint_seq = COALESCE(excluded.checkpoint_seq, executions.checkpoint_seq)
    RETURNING run_id
  ), v AS (
    INSERT INTO visibility (namespace_id, run_id, workflow_id, type, status, started_at, closed_at, task_queue, build_id,
      blocked_cause, history_length, attributes, memo)
    SELECT t.namespace_id, t.run_id, t.workflow_id, t.type, t.status, t.started_at, t.closed_at, t.task_queue, t.build_id,
      t.blocked_cause, t.history_length, t.attributes::JSONB,
      CASE WHEN t.memo_length < 0 THEN NULL ELSE substr($2::BYTEA, t.memo_at, t.memo_length) END
    FROM accepted AS a JOIN unnest(
      $32::UUID[], $33::UUID[], $34::INT8[], $35::TEXT[], $36::TEXT[], $37::INT4[], $38::INT8[], $39::INT8[], $40::TEXT[],
      $41::TEXT[], $42::TEXT[], $43::INT8[], $44::TEXT[], $45::INT4[], $46::INT4[]
    ) AS t(namespace_id, run_id, prev_seq, workflow_id, type, status, started_at, closed_at, task_queue,
      build_id, blocked_cause, history_length, attributes, memo_at, memo_length)
      ON a.run_id = t.run_id AND a.seq = t.prev_seq + 1
    ON CONFLICT (namespace_id, run_id) DO UPDATE SET
      type = excluded.type, status = excluded.status, started_at = excluded.started_at, closed_at = excluded.closed_at,
      task_queue = excluded.task_queue, build_id = excluded.build_id, blocked_cause = excluded.blocked_cause,
      history_length = excluded.history_length, attributes = COALESCE(excluded.attributes, visibility.attributes),
      memo = COALESCE(excluded.memo, visibility.memo)
    RETURNING run_id
  )
  SELECT (SELECT count(*) FROM fence) AS alive,
    ARRAY(SELECT t.run_id::TEXT || t.open_run_id FROM taken AS t) AS taken,
    CASE WHEN (SELECT count(*) FROM accepted) = $3::INT8 THEN NULL ELSE ARRAY(SELECT a.run_id::TEXT FROM accepted AS a) END AS accepted`,
);

/** The one row that the statement answers with. */
export interface CommitRow {
  readonly alive: number;
  /** Two UUIDs end to end: the start, and the open run in its way. */
  readonly taken: readonly string[];
  /** Null when everything was written. */
  readonly accepted: readonly string[] | null;
}

const UUID_LENGTH = 36;

export function readCommitAnswer(row: CommitRow, records: readonly CommitRecord[]): CommitAnswer {
  if (row.alive === 0) return { alive: false, taken: [], written: new Set() };
  const written = new Set(row.accepted ?? records.map((record) => record.key.runId));
  const taken = row.taken.map((pair) => ({ runId: pair.slice(0, UUID_LENGTH), openRunId: pair.slice(UUID_LENGTH) }));
  return { alive: true, taken, written };
}
