/** The alarm of the due heap: what has come due is stepped, or loaded first, in slices so that other work gets its turn. */
import type { History } from './context.ts';
import { stepDue } from './due.ts';
import { wakeRun } from './loading.ts';
import { armDueTimer } from './memory.ts';

const SLICE = 500;
/** Loads under way: more would only stand before the loads that requests wait for. */
const MOST_LOADING = 512;
const PAUSE_MS = 5;

export function fireDue(h: History): void {
  const now = h.env.now();
  let taken = 0;
  while (taken < SLICE) {
    if (h.loading.size >= MOST_LOADING) {
      h.env.setTimer(PAUSE_MS, () => fireDue(h));
      return;
    }
    const key = h.due.pop(now);
    if (key === undefined) break;
    const run = h.hot.get(key.runId);
    // Loading steps the run by itself.
    if (run !== undefined) stepDue(h, run);
    else wakeRun(h, key);
    taken += 1;
  }
  armDueTimer(h);
}
