/** Nodes: the rows that fence, and their beats. Every statement here is fenced by the caller's own row. */
import { checkText, checkUuid } from '../checks.ts';
import type { BeatAnswer, NodeInfo } from '../store.ts';
import type { Sessions } from './sessions.ts';
import { statement } from './statements.ts';

const register = statement(
  'register_node',
  `WITH n AS (
    INSERT INTO nodes (node_id, address, roles, version, started_at)
    VALUES ($1::UUID, $2::TEXT, $3::TEXT, $4::TEXT, (extract(epoch FROM clock_timestamp()) * 1000)::INT8)
    ON CONFLICT (node_id) DO NOTHING
    RETURNING node_id
  )
  INSERT INTO heartbeats (node_id, beat, draining) VALUES ($1::UUID, 0, false) ON CONFLICT (node_id) DO NOTHING`,
);

export async function registerNode(sessions: Sessions, node: NodeInfo): Promise<void> {
  checkUuid('node id', node.nodeId);
  checkText('address', node.address);
  checkText('roles', node.roles);
  checkText('version', node.version);
  await sessions.run('write', register, [node.nodeId, node.address, node.roles, node.version]);
}

// A zombie's beat must fail although its heartbeats row may still be there, hence the look at nodes.
const raiseBeat = statement(
  'beat',
  `WITH b AS (
    UPDATE heartbeats AS h SET beat = h.beat + 1, draining = $2::BOOL
    WHERE h.node_id = $1::UUID AND EXISTS (SELECT 1 FROM nodes AS n WHERE n.node_id = $1::UUID)
    RETURNING h.node_id, h.beat, h.draining
  )
  SELECT (SELECT count(*) FROM b) AS alive, (extract(epoch FROM clock_timestamp()) * 1000)::INT8 AS database_time,
    n.node_id, n.address, n.roles, n.version, COALESCE(b.beat, h.beat) AS beat, COALESCE(b.draining, h.draining) AS draining
  FROM (SELECT 1 AS one) AS always
  LEFT JOIN (nodes AS n JOIN heartbeats AS h ON h.node_id = n.node_id LEFT JOIN b ON b.node_id = n.node_id) ON true
  ORDER BY n.node_id`,
);

interface BeatRow {
  alive: number;
  database_time: number;
  node_id: string | null;
  address: string;
  roles: string;
  version: string;
  beat: number;
  draining: boolean;
}

export async function beat(sessions: Sessions, me: string, draining: boolean): Promise<BeatAnswer> {
  const rows = await sessions.run<BeatRow>('write', raiseBeat, [me, draining]);
  const nodes = rows.flatMap((row) =>
    row.node_id === null
      ? []
      : [{ nodeId: row.node_id, address: row.address, roles: row.roles, version: row.version, beat: row.beat, draining: row.draining }],
  );
  return { alive: rows[0]?.alive === 1, nodes, databaseTime: rows[0]?.database_time ?? 0 };
}

const remove = statement(
  'remove_node',
  `WITH d AS (
    DELETE FROM nodes AS n WHERE n.node_id = $1::UUID RETURNING n.node_id
  ), b AS (
    DELETE FROM heartbeats AS h USING d WHERE h.node_id = d.node_id RETURNING h.node_id
  ), s AS (
    UPDATE slots AS s SET owner = NULL FROM d WHERE s.owner = d.node_id RETURNING s.slot
  )
  SELECT count(*) AS slots FROM s`,
);

export async function removeNode(sessions: Sessions, me: string): Promise<void> {
  await sessions.run('write', remove, [me]);
}

// Two nodes that evict each other wait for each other's row: the database ends one, and it then finds its own row gone.
const evict = statement(
  'evict_node',
  `WITH me AS (
    SELECT n.node_id FROM nodes AS n WHERE n.node_id = $1::UUID FOR SHARE
  ), d AS (
    DELETE FROM nodes AS n USING me
    WHERE n.node_id = $2::UUID AND n.node_id <> me.node_id
      AND EXISTS (SELECT 1 FROM heartbeats AS h WHERE h.node_id = $2::UUID AND h.beat = $3::INT8)
    RETURNING n.node_id
  ), b AS (
    DELETE FROM heartbeats AS h USING d WHERE h.node_id = d.node_id RETURNING h.node_id
  )
  SELECT d.node_id FROM d`,
);

export async function evictNode(sessions: Sessions, me: string, other: string, seenBeat: number): Promise<boolean> {
  const rows = await sessions.run('write', evict, [me, other, seenBeat]);
  return rows.length > 0;
}

const replace = statement(
  'replace_node',
  `WITH d AS (
    DELETE FROM nodes AS n WHERE n.node_id = $1::UUID RETURNING n.node_id
  ), b AS (
    DELETE FROM heartbeats AS h USING d WHERE h.node_id = d.node_id RETURNING h.node_id
  ), s AS (
    UPDATE slots AS s SET owner = $2::UUID FROM d WHERE s.owner = d.node_id RETURNING s.slot
  )
  SELECT s.slot FROM s ORDER BY s.slot`,
);

export async function replaceNode(sessions: Sessions, old: string, next: NodeInfo): Promise<number[]> {
  await registerNode(sessions, next);
  const rows = await sessions.run<{ slot: number }>('write', replace, [old, next.nodeId]);
  return rows.map((row) => row.slot);
}
