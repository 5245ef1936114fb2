/** Time, chance and ids as client and worker see them, so that both also run in virtual time. The only file that asks the machine. */
import { randomFillSync } from 'node:crypto';

/** A pending timer. */
export interface ClockTimer {
  /** Idempotent. */
  cancel(): void;
}

/** Where client and worker take time, chance and ids from. */
export interface Clock {
  /** Ms since 1970. */
  now(): number;
  /** Ms since some fixed moment, never backwards. */
  monotonic(): number;
  /** Calls `run` once after `ms` of any length; 0 means as soon as possible, after what is queued now. */
  setTimer(ms: number, run: () => void): ClockTimer;
  /** Uniform in [0, 1). */
  random(): number;
  /** A fresh UUIDv7 in lower case. */
  newId(): string;
}

/** The longest delay Node's timers know; longer ones are chained. */
const MAX_DELAY = 2 ** 31 - 1;
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function setRealTimer(ms: number, run: () => void): ClockTimer {
  if (!(ms > 0)) {
    const immediate = setImmediate(run);
    return { cancel: () => clearImmediate(immediate) };
  }
  let timeout: NodeJS.Timeout;
  const arm = (left: number): void => {
    timeout = left > MAX_DELAY ? setTimeout(() => arm(left - MAX_DELAY), MAX_DELAY) : setTimeout(run, left);
  };
  arm(ms);
  return { cancel: () => clearTimeout(timeout) };
}

/** Makes UUIDv7s. Random bytes are drawn in pages: one system call per 256 ids. */
function createIds(now: () => number): () => string {
  const page = new Uint8Array(4096);
  let at = page.length;
  return () => {
    if (at === page.length) {
      randomFillSync(page);
      at = 0;
    }
    const b = page.subarray(at, at + 16);
    at += 16;
    const time = now();
    let rest = time;
    for (let i = 5; i >= 0; i -= 1) {
      b[i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    b[6] = 0x70 | ((b[6] as number) & 0x0f);
    b[8] = 0x80 | ((b[8] as number) & 0x3f);
    let text = '';
    for (let i = 0; i < 16; i += 1) {
      if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
      text += HEX[b[i] as number];
    }
    return text;
  };
}

/** The machine's clock. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer: setRealTimer,
  random: () => Math.random(),
  newId: createIds(() => Date.now()),
};

/** Waits `ms`; ends early, without an error, when `abort` fires. */
export function pause(clock: Clock, ms: number, abort?: AbortSignal): Promise<void> {
  if (abort?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      abort?.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.setTimer(ms, end);
    abort?.addEventListener('abort', end);
  });
}
