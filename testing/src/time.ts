// Virtual time: it passes like that of the machine, and jumps when told to. One for the engine, clients and workers of an environment.
import { createIdMaker, type Env, type Timer } from '@perdure/service/engine';

/** What engine and SDK take for their clock, and what moves it. */
export interface Time extends Env {
  /** Runs the earliest timer that is due now; false when there is none. */
  runNext(): boolean;
  /** When the next timer is due, ms since 1970; Infinity when there is none. */
  next(): number;
  /** Lets time pass until `at`, ms since 1970, at once. Timers that come due then are run one by one, with `runNext`. */
  jump(at: number): void;
}

interface Pending extends Timer {
  /** On the monotonic clock. */
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

function isBefore(a: Pending, b: Pending): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** `poke` is called when a timer was set. */
export function createTime(start: number, poke: () => void): Time {
  const begun = performance.now();
  // Sorted. Mostly a few dozen; what is set last is mostly due last.
  const pending: Pending[] = [];
  let skipped = 0;
  let orders = 0;

  // Whole ms: what is due at a time is due when a jump has arrived there.
  const monotonic = (): number => Math.floor(performance.now() - begun) + skipped;
  const now = (): number => start + monotonic();
  const place = (timer: Pending): number => {
    let at = pending.length;
    while (at > 0 && isBefore(timer, pending[at - 1] as Pending)) at -= 1;
    return at;
  };
  return {
    now,
    monotonic,
    random: Math.random,
    newId: createIdMaker(now),
    setTimer(ms, run) {
      const timer: Pending = {
        at: monotonic() + Math.max(0, ms),
        order: orders++,
        run,
        cancel() {
          const at = pending.indexOf(timer);
          if (at >= 0) pending.splice(at, 1);
        },
      };
      pending.splice(place(timer), 0, timer);
      poke();
      return timer;
    },
    runNext() {
      const first = pending[0];
      if (first === undefined || first.at > monotonic()) return false;
      pending.shift();
      first.run();
      return true;
    },
    next: () => (pending[0] === undefined ? Number.POSITIVE_INFINITY : start + pending[0].at),
    jump(at) {
      skipped += Math.max(0, Math.ceil(at) - now());
    },
  };
}
