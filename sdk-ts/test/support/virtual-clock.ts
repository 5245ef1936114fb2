/** A clock that stands still until told, for tests of client and worker. */
import type { Clock, ClockTimer } from '../../src/common/clock.ts';

export interface VirtualClock extends Clock {
  /** Lets `ms` pass: timers due in it fire in order, and what they set off runs before the next. */
  advance(ms: number): Promise<void>;
  /** Runs everything that needs no time. */
  settle(): Promise<void>;
  /** Timers set and not fired. */
  timers(): number;
}

const START = Date.UTC(2026, 0, 1);

export function createVirtualClock(): VirtualClock {
  let elapsed = 0;
  let ids = 0;
  let timers: { at: number; order: number; run: () => void }[] = [];
  let order = 0;
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  const setTimer = (ms: number, run: () => void): ClockTimer => {
    const timer = { at: elapsed + Math.max(0, ms), order: order++, run };
    timers.push(timer);
    return { cancel: () => (timers = timers.filter((other) => other !== timer)) };
  };
  const takeDue = (until: number): (typeof timers)[number] | undefined => {
    const [next] = timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at || a.order - b.order);
    if (next) timers = timers.filter((timer) => timer !== next);
    return next;
  };
  const advance = async (ms: number): Promise<void> => {
    const until = elapsed + ms;
    await turn();
    for (let timer = takeDue(until); timer; timer = takeDue(until)) {
      elapsed = Math.max(elapsed, timer.at);
      timer.run();
      await turn();
    }
    elapsed = until;
  };
  return {
    now: () => START + Math.floor(elapsed),
    monotonic: () => elapsed,
    setTimer,
    random: () => 0.5,
    newId: () => `018f0000-0000-7000-8000-${String(++ids).padStart(12, '0')}`,
    advance,
    settle: () => advance(0),
    timers: () => timers.length,
  };
}
