/** Reads of runs. Those made in the name of ownership join slots: a node that lost a slot reads nothing of it. */
import type { DueCursor, DueKey, HistoryRow, LoadedRun, RunKey, StatusNumber } from '../store.ts';
import { int4Array, int8Array, textArray, uuidArray } from './arrays.ts';
import type { Sessions } from './sessions.ts';
import { statement } from './statements.ts';

// One statement for rows of both tables, so that they fit each other; seq 0 is the row in executions. The ORDER BY
// keeps the subqueries apart, so that they are answered key by key also by a plan made while the tables were empty.
const load = statement(
  'load_runs',
  `WITH own AS MATERIALIZED (
    SELECT x.slot, x.namespace_id, x.workflow_id, x.run_id, x.status, x.wake_at, x.last_seq, x.next_event_id,
      x.type, x.task_queue, x.started_at, x.closed_at,
      CASE WHEN $6::BOOL THEN NULL ELSE x.checkpoint END AS checkpoint,
      CASE WHEN $6::BOOL THEN NULL ELSE x.checkpoint_seq END AS checkpoint_seq
    FROM unnest($2::INT4[], $3::UUID[], $4::TEXT[], $5::UUID[]) AS k(slot, namespace_id, workflow_id, run_id)
    JOIN slots AS s ON s.slot = k.slot AND s.owner = $1::UUID
    CROSS JOIN LATERAL (
      SELECT e.slot, e.namespace_id, e.workflow_id, e.run_id, e.status, e.wake_at, e.last_seq, e.next_event_id,
        e.type, e.task_queue, e.started_at, e.closed_at, e.checkpoint, e.checkpoint_seq
      FROM executions AS e
      WHERE e.slot = k.slot AND e.namespace_id = k.namespace_id AND e.workflow_id = k.workflow_id AND e.run_id = k.run_id
      ORDER BY e.run_id
    ) AS x
  )
  SELECT o.run_id, 0::INT8 AS seq, 0::INT8 AS first_event_id, 0::INT4 AS event_count, o.checkpoint AS events, NULL::BYTEA AS marks,
    o.slot, o.namespace_id, o.workflow_id, o.status, o.wake_at, o.last_seq, o.next_event_id,
    o.type, o.task_queue, o.started_at, o.closed_at, o.checkpoint_seq
  FROM own AS o
  UNION ALL
  SELECT h.run_id, h.seq, h.first_event_id, h.event_count, h.events, h.marks,
    NULL::INT4, NULL::UUID, NULL::TEXT, NULL::INT4, NULL::INT8, NULL::INT8, NULL::INT8,
    NULL::TEXT, NULL::TEXT, NULL::INT8, NULL::INT8, NULL::INT8
  FROM own AS o CROSS JOIN LATERAL (
    SELECT l.run_id, l.seq, l.first_event_id, l.event_count, l.events, l.marks FROM history AS l
    WHERE l.slot = o.slot AND l.run_id = o.run_id AND l.seq > COALESCE(o.checkpoint_seq, 0)
    ORDER BY l.seq
  ) AS h`,
);

interface LogRow {
  run_id: string;
  seq: number;
  first_event_id: number;
  event_count: number;
  events: Buffer;
  marks: Buffer | null;
}

interface RunRow extends Omit<LogRow, 'events'> {
  events: Buffer | null;
  slot: number;
  namespace_id: string;
  workflow_id: string;
  status: number;
  wake_at: number | null;
  last_seq: number;
  next_event_id: number;
  type: string;
  task_queue: string;
  started_at: number;
  closed_at: number | null;
  checkpoint_seq: number | null;
}

function historyRow(row: LogRow): HistoryRow {
  const { seq, first_event_id: firstEventId, event_count: eventCount, events, marks } = row;
  return { seq, firstEventId, eventCount, events, marks: marks ?? undefined };
}

function loadedRun(row: RunRow, rows: HistoryRow[]): LoadedRun {
  return {
    key: { slot: row.slot, namespaceId: row.namespace_id, workflowId: row.workflow_id, runId: row.run_id },
    execution: {
      status: row.status,
      wakeAt: row.wake_at,
      lastSeq: row.last_seq,
      nextEventId: row.next_event_id,
      type: row.type,
      taskQueue: row.task_queue,
      startedAt: row.started_at,
      closedAt: row.closed_at,
      checkpoint: row.events ?? undefined,
      checkpointSeq: row.checkpoint_seq ?? undefined,
    },
    rows: rows.sort((a, b) => a.seq - b.seq),
  };
}

export async function loadRuns(sessions: Sessions, me: string, keys: readonly RunKey[], whole: boolean): Promise<LoadedRun[]> {
  const values = [
    me,
    int4Array(keys, (key) => key.slot),
    uuidArray(keys, (key) => key.namespaceId),
    textArray(keys, (key) => key.workflowId),
    uuidArray(keys, (key) => key.runId),
    whole,
  ];
  const found = new Map<string, { run: RunRow | undefined; rows: HistoryRow[] }>();
  for (const row of await sessions.run<LogRow | RunRow>('read', load, values)) {
    const entry = found.get(row.run_id) ?? { run: undefined, rows: [] };
    found.set(row.run_id, entry);
    if (row.seq === 0) entry.run = row as RunRow;
    else entry.rows.push(historyRow(row as LogRow));
  }
  // In the order asked for, each once.
  return [...new Set(keys.map((key) => key.runId))].flatMap((runId) => {
    const entry = found.get(runId);
    return entry?.run === undefined ? [] : [loadedRun(entry.run, entry.rows)];
  });
}

const find = statement(
  'find_run',
  `SELECT x.run_id, x.status, x.closed_at
   FROM slots AS s JOIN executions AS x ON x.slot = s.slot
   WHERE s.slot = $2::INT4 AND s.owner = $1::UUID AND x.namespace_id = $3::UUID AND x.workflow_id = $4::TEXT
   ORDER BY CASE WHEN x.status = 1 THEN 0 ELSE 1 END, x.started_at DESC, x.run_id DESC LIMIT 1`,
);

export async function findRun(
  sessions: Sessions,
  me: string,
  slot: number,
  namespaceId: string,
  workflowId: string,
): Promise<{ runId: string; status: StatusNumber; closedAt: number | null } | undefined> {
  const values = [me, slot, namespaceId, workflowId];
  const [row] = await sessions.run<{ run_id: string; status: number; closed_at: number | null }>('read', find, values);
  return row === undefined ? undefined : { runId: row.run_id, status: row.status, closedAt: row.closed_at };
}

// The sizes are known without reading the rows, so a page of a long log costs only its own bytes.
const page = statement(
  'read_history',
  `SELECT r.run_id, r.seq, r.first_event_id, r.event_count, r.events, NULL::BYTEA AS marks FROM (
    SELECT h.run_id, h.seq, h.first_event_id, h.event_count, h.events,
      sum(octet_length(h.events)) OVER (ORDER BY h.seq) AS bytes, row_number() OVER (ORDER BY h.seq) AS place
    FROM history AS h
    WHERE h.slot = $1::INT4 AND h.run_id = $2::UUID AND h.event_count > 0 AND h.first_event_id + h.event_count > $3::INT8
  ) AS r WHERE r.bytes <= $4::INT8 OR r.place = 1 ORDER BY r.seq`,
);

export async function readHistory(
  sessions: Sessions,
  slot: number,
  runId: string,
  fromEventId: number,
  maxBytes: number,
): Promise<HistoryRow[]> {
  return (await sessions.run<LogRow>('read', page, [slot, runId, fromEventId, maxBytes])).map(historyRow);
}

const due = statement(
  'due_keys',
  `SELECT d.slot, d.namespace_id, d.workflow_id, d.run_id, d.wake_at
   FROM unnest($2::INT4[], $3::INT8[], $4::UUID[], $5::TEXT[], $6::UUID[]) AS c(slot, wake_at, namespace_id, workflow_id, run_id)
   JOIN slots AS s ON s.slot = c.slot AND s.owner = $1::UUID
   CROSS JOIN LATERAL (
     SELECT x.slot, x.namespace_id, x.workflow_id, x.run_id, x.wake_at FROM executions AS x
     WHERE x.slot = c.slot AND x.wake_at IS NOT NULL AND x.wake_at >= c.wake_at AND x.wake_at <= $7::INT8
       AND (x.wake_at, x.namespace_id, x.workflow_id, x.run_id) > (c.wake_at, c.namespace_id, c.workflow_id, c.run_id)
     ORDER BY x.wake_at, x.namespace_id, x.workflow_id, x.run_id LIMIT $8::INT8
   ) AS d
   ORDER BY d.slot, d.wake_at, d.namespace_id, d.workflow_id, d.run_id`,
);

/** Below every UUID: where a scan stands before its first key. */
const NIL = '00000000-0000-0000-0000-000000000000';

interface DueRow {
  slot: number;
  namespace_id: string;
  workflow_id: string;
  run_id: string;
  wake_at: number;
}

export async function dueKeys(
  sessions: Sessions,
  me: string,
  cursors: readonly DueCursor[],
  until: number,
  limit: number,
): Promise<DueKey[]> {
  const values = [
    me,
    int4Array(cursors, (cursor) => cursor.slot),
    int8Array(cursors, (cursor) => cursor.afterWakeAt),
    uuidArray(cursors, (cursor) => cursor.afterNamespaceId || NIL),
    textArray(cursors, (cursor) => cursor.afterWorkflowId),
    uuidArray(cursors, (cursor) => cursor.afterRunId || NIL),
    until,
    limit,
  ];
  return (await sessions.run<DueRow>('read', due, values)).map((row) => ({
    key: { slot: row.slot, namespaceId: row.namespace_id, workflowId: row.workflow_id, runId: row.run_id },
    wakeAt: row.wake_at,
  }));
}
