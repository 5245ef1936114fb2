/**
 * A checkpoint is a cache of the fold: one byte of format version, then the serialized state without `live`. Unknown, absent
 * or unreadable means: fold again.
 */
import { deserialize, serialize } from 'node:v8';
import { emptyLive, type RunState } from './state.ts';

const FORMAT = 2;

/** Writes the state as of the last committed row. */
export function writeCheckpoint(state: RunState): Uint8Array {
  const { live: _live, ...kept } = state;
  return Buffer.concat([Buffer.of(FORMAT), serialize(kept)]);
}

/** Reads a checkpoint; undefined when it is not one of this version. */
export function readCheckpoint(bytes: Uint8Array, claimedAt: number): RunState | undefined {
  if (bytes[0] !== FORMAT) return undefined;
  try {
    const state = { ...(deserialize(bytes.subarray(1)) as Omit<RunState, 'live'>), live: emptyLive(claimedAt) };
    for (const activity of state.activities.values()) {
      const { startedAt } = activity;
      activity.live = { offered: false, heartbeatAt: startedAt, heartbeatMarkedAt: startedAt, detailsUnwritten: false };
    }
    return state;
  } catch {
    return undefined;
  }
}
