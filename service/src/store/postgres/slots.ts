/** Slots: who owns what. A slot is free when it has no owner, or one without a row in nodes. */
import { SLOT_COUNT } from '../seed.ts';
import type { Sessions } from './sessions.ts';
import { statement } from './statements.ts';

// The owner that was seen must still be there when the row's lock is had: another claimer may have come first.
const claim = statement(
  'claim_slots',
  `WITH me AS (
    SELECT n.node_id FROM nodes AS n WHERE n.node_id = $1::UUID FOR SHARE
  ), free AS MATERIALIZED (
    SELECT s.slot, s.owner AS seen FROM slots AS s
    WHERE s.slot = ANY($2::INT4[]) AND (s.owner IS NULL OR NOT EXISTS (SELECT 1 FROM nodes AS n WHERE n.node_id = s.owner))
    ORDER BY s.slot
  )
  UPDATE slots AS s SET owner = me.node_id FROM me, free
  WHERE s.slot = free.slot AND s.owner IS NOT DISTINCT FROM free.seen
  RETURNING s.slot`,
);

function inOrder(slots: readonly number[]): number[] {
  return [...slots].sort((a, b) => a - b);
}

export async function claimSlots(sessions: Sessions, me: string, slots: readonly number[]): Promise<number[]> {
  const rows = await sessions.run<{ slot: number }>('write', claim, [me, inOrder(slots)]);
  return inOrder(rows.map((row) => row.slot));
}

const release = statement(
  'release_slots',
  `WITH me AS (
    SELECT n.node_id FROM nodes AS n WHERE n.node_id = $1::UUID FOR SHARE
  )
  UPDATE slots AS s SET owner = NULL FROM me WHERE s.owner = me.node_id AND s.slot = ANY($2::INT4[])`,
);

export async function releaseSlots(sessions: Sessions, me: string, slots: readonly number[]): Promise<void> {
  await sessions.run('write', release, [me, inOrder(slots)]);
}

const read = statement(
  'read_slots',
  'SELECT s.slot, n.node_id AS owner FROM slots AS s LEFT JOIN nodes AS n ON n.node_id = s.owner ORDER BY s.slot',
);

export async function readSlots(sessions: Sessions): Promise<(string | null)[]> {
  const owners = Array.from({ length: SLOT_COUNT }, (): string | null => null);
  for (const row of await sessions.run<{ slot: number; owner: string | null }>('read', read, [])) owners[row.slot] = row.owner;
  return owners;
}
