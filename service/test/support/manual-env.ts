/** An Env whose time stands still until the test advances it. Ids and random draws come from counters. */
import type { Env } from '../../src/env.ts';

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export interface ManualEnv extends Env {
  /** Lets `ms` pass: runs what falls due in order, each with all that follows from it. */
  advance(ms: number): Promise<void>;
  /** Runs what is due now, until nothing follows from it. */
  settle(): Promise<void>;
  /** Timers set and neither run nor canceled. */
  timers(): number;
}

const START = 1_767_225_600_000;

export function createManualEnv(): ManualEnv {
  let time = 0;
  let ids = 0;
  let draws = 0;
  const pending = new Set<Pending>();
  const settle = async (): Promise<void> => {
    // One macrotask drains every microtask before it.
    for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  const advance = async (ms: number): Promise<void> => {
    const end = time + ms;
    await settle();
    for (;;) {
      const due = [...pending].filter((one) => one.at <= end).sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (due === undefined) break;
      pending.delete(due);
      time = Math.max(time, due.at);
      due.run();
      await settle();
    }
    time = end;
  };
  return {
    now: () => START + time,
    monotonic: () => time,
    setTimer: (ms, run) => {
      const one = { at: time + ms, order: ids++, run };
      pending.add(one);
      return { cancel: () => pending.delete(one) };
    },
    random: () => (draws++ % 100) / 100,
    newId: () => {
      const milliseconds = (START + time).toString(16).padStart(12, '0');
      return `${milliseconds.slice(0, 8)}-${milliseconds.slice(8)}-7000-8000-${(ids++).toString(16).padStart(12, '0')}`;
    },
    advance,
    settle,
    timers: () => pending.size,
  };
}
