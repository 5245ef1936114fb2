/** The real world behind Env: wall clock, timers, operating system randomness. */
import { randomFillSync } from 'node:crypto';
import type { Env, Timer } from './env.ts';

/** setTimeout takes at most this; longer waits are chained. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;
/** Random bytes are fetched for this many ids at once: one system call each would cost more than the id. */
const POOLED_IDS = 512;
/** Two for where the counter starts, eight for the text. */
const RANDOM_BYTES_PER_ID = 10;
const COUNTER_TEXTS: readonly string[] = Array.from({ length: 0x1000 }, (_, counter) => counter.toString(16).padStart(3, '0'));
const VARIANTS = '89ab';

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
  let textMs = -1;
  let time = '';
  return () => {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    const start = pool.readUInt16LE(used) & 0x7ff;
    const random = pool.toString('hex', used + 2, used + RANDOM_BYTES_PER_ID);
    const variant = VARIANTS[(pool[used + 2] as number) >> 6];
    used += RANDOM_BYTES_PER_ID;
    const ms = now();
    if (ms > lastMs) {
      lastMs = ms;
      counter = start;
    } else if (counter === 0xfff) {
      lastMs += 1;
      counter = 0;
    } else counter += 1;
    if (textMs !== lastMs) {
      textMs = lastMs;
      const text = lastMs.toString(16).padStart(12, '0');
      time = `${text.slice(0, 8)}-${text.slice(8)}-7`;
    }
    return `${time}${COUNTER_TEXTS[counter]}-${variant}${random.slice(1, 4)}-${random.slice(4)}`;
  };
}
