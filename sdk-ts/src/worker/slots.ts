/** How many tasks may be at work at once, shared among polls and eager tasks. */
import type { Clock } from '../common/clock.ts';

/** A wait that ends when enough room came together, so that a busy worker polls for many tasks at once rather than for each. */
const GATHER_MS = 5;

export interface Slots {
  readonly size: number;
  free(): number;
  /** Takes a share of the free slots for one of `claimants`, at most `most`, and returns how many; 0 when none is free. */
  takeShare(claimants: number, most?: number): number;
  release(count: number): void;
  /** Resolves when slots are free: at once for a good part of them, a few ms later for few. */
  whenFree(): Promise<void>;
  /** Ends all waits: the worker stops. */
  wake(): void;
}

export function createSlots(clock: Clock, size: number): Slots {
  const plenty = Math.max(1, Math.floor(size / 8));
  let free = size;
  let waiting: (() => void)[] = [];
  let gathering = false;

  const wake = (): void => {
    const waiters = waiting;
    waiting = [];
    for (const resolve of waiters) resolve();
  };
  const notify = (): void => {
    if (waiting.length === 0 || free === 0) return;
    if (free >= plenty) {
      wake();
      return;
    }
    if (gathering) return;
    gathering = true;
    clock.setTimer(GATHER_MS, () => {
      gathering = false;
      if (free > 0) wake();
    });
  };
  return {
    size,
    free: () => free,
    takeShare(claimants, most = size) {
      const share = Math.min(most, Math.ceil(free / Math.max(1, claimants)));
      free -= share;
      return share;
    },
    release(count) {
      free += count;
      notify();
    },
    whenFree() {
      if (free >= plenty) return Promise.resolve();
      return new Promise((resolve) => {
        waiting.push(resolve);
        notify();
      });
    },
    wake,
  };
}
