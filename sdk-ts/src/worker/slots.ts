/** How many tasks may be at work at once, shared among polls and eager tasks. */
import { type Clock, pause } from '../common/clock.ts';

/** A wait that ends when enough room came together, so that a busy worker polls for many tasks at once rather than for each. */
const GATHER_MS = 5;

export interface Slots {
  readonly size: number;
  free(): number;
  /** Takes a share of the free slots for one of `claimants`, at most `most`, and returns how many; 0 when none is free. */
  takeShare(claimants: number, most?: number): number;
  release(count: number): void;
  /** Of the slots a poll or call took in advance only these were used; the others are free again. */
  settle(taken: number, used: number): void;
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
    settle(taken, used) {
      free += taken - used;
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

/** The least wait for a token: a rate of thousands per second needs no finer grain. */
const LEAST_WAIT_MS = 20;

/** Slots of which at most `perSecond` are used per second, on average and, after a pause, at once. May be less than 1. */
export function createRatedSlots(clock: Clock, size: number, perSecond: number): Slots {
  const slots = createSlots(clock, size);
  const capacity = Math.max(1, perSecond);
  let tokens = capacity;
  /** Tokens of polls that are out: they may all be used, so no others come in their place. */
  let out = 0;
  let at = clock.monotonic();
  let stopped = false;
  const refill = (): void => {
    const now = clock.monotonic();
    tokens = Math.min(capacity - out, tokens + ((now - at) / 1_000) * perSecond);
    at = now;
  };
  return {
    ...slots,
    takeShare(claimants, most = size) {
      refill();
      const share = slots.takeShare(claimants, Math.min(most, Math.max(0, Math.floor(tokens))));
      tokens -= share;
      out += share;
      return share;
    },
    settle(taken, used) {
      refill();
      out -= taken;
      tokens += taken - used;
      slots.settle(taken, used);
    },
    async whenFree() {
      for (;;) {
        await slots.whenFree();
        refill();
        if (tokens >= 1 || stopped) return;
        await pause(clock, Math.max(LEAST_WAIT_MS, Math.ceil(((1 - tokens) / perSecond) * 1_000)));
      }
    },
    wake() {
      stopped = true;
      slots.wake();
    },
  };
}
