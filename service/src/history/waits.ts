/** Callers that wait for a run to close or to grow. Released by committed events only. */
import type { HotRun } from './run.ts';

type Notify = (run: HotRun) => void;

export interface Waits {
  /** Calls `notify` after each commit that adds events to the run, until the returned function is called. */
  watch(runId: string, notify: Notify): () => void;
  committed(run: HotRun): void;
  /** Wakes everybody: memory was dropped, or the node stops. */
  wakeAll(): void;
  onWakeAll(wake: () => void): () => void;
  size(): number;
}

export function createWaits(): Waits {
  const watchers = new Map<string, Set<Notify>>();
  const all = new Set<() => void>();
  return {
    watch(runId, notify) {
      const set = watchers.get(runId) ?? new Set();
      watchers.set(runId, set);
      set.add(notify);
      return () => {
        set.delete(notify);
        if (set.size === 0 && watchers.get(runId) === set) watchers.delete(runId);
      };
    },
    committed(run) {
      const set = watchers.get(run.key.runId);
      if (set !== undefined) for (const notify of [...set]) notify(run);
    },
    wakeAll() {
      for (const wake of [...all]) wake();
    },
    onWakeAll(wake) {
      all.add(wake);
      return () => all.delete(wake);
    },
    size: () => watchers.size,
  };
}
