/** The real world behind Env: wall clock, timers, operating system randomness. */
import { randomFillSync } from 'node:crypto';
import type { Env, Timer } from './env.ts';

/** setTimeout takes at most this; longer waits are chained. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;
/** Random bytes are fetched for this many ids at once: one system call each would cost more than the id. */
const POOLED_IDS = 512;
const RANDOM_BYTES_PER_ID = 8;

/** The Env of real processes. */
export function createRealEnv(): Env {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    setTimer: setRealTimer,
    random: () => Math.random(),
    newId: createIdMaker(() => Date.now()),
  };
}

function setRealTimer(ms: number, run: () => void): Timer {
  if (!(ms > 0)) {
    const immediate = setImmediate(run);
    return { cancel: () => clearImmediate(immediate) };
  }
  let left = ms;
  let timeout: NodeJS.Timeout;
  const arm = (): void => {
    const step = Math.min(left, LONGEST_TIMEOUT_MS);
    left -= step;
    timeout = setTimeout(left > 0 ? arm : run, step);
  };
  arm();
  return { cancel: () => clearTimeout(timeout) };
}

/**
 * Makes UUIDv7s that only grow within a process: 48 bits of ms, a 12-bit counter that starts low at random in each ms, 62
 * random bits. A clock that steps back, or more than ~2 000 ids in one ms, runs ahead of the clock instead of repeating.
 */
export function createIdMaker(now: () => number): () => string {
  const pool = Buffer.alloc(POOLED_IDS * RANDOM_BYTES_PER_ID);
  let used = pool.length;
  let lastMs = -1;
  let counter = 0;
  return () => {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    const high = pool.readUInt32LE(used);
    const low = pool.readUInt32LE(used + 4);
    used += RANDOM_BYTES_PER_ID;
    const ms = now();
    if (ms > lastMs) {
      lastMs = ms;
      counter = high & 0x7ff;
    } else if (counter === 0xfff) {
      lastMs += 1;
      counter = 0;
    } else counter += 1;
    const time = lastMs.toString(16).padStart(12, '0');
    const variant = (0x8000 | ((high >>> 11) & 0x3fff)).toString(16);
    const tail = ((high >>> 16) & 0xffff).toString(16).padStart(4, '0') + low.toString(16).padStart(8, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}-${variant}-${tail}`;
  };
}
