/** The alarm of the due heap: what has come due is stepped, or loaded first, in slices so that other work gets its turn. */
import type { History } from './context.ts';
import { stepDue } from './due.ts';
import { wakeRun } from './loading.ts';
import { armDueTimer } from './memory.ts';

const SLICE = 500;

export function fireDue(h: History): void {
  const now = h.env.now();
  let taken = 0;
  for (let key = h.due.pop(now); key !== undefined; key = h.due.pop(now)) {
    const run = h.hot.get(key.runId);
    // Loading steps the run by itself.
    if (run !== undefined) stepDue(h, run);
    else wakeRun(h, key);
    taken += 1;
    if (taken >= SLICE) break;
  }
  armDueTimer(h);
}
