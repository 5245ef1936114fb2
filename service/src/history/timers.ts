/** The alarm of the due heap: what has come due is stepped, or loaded first, in slices so that other work gets its turn. */
import type { History } from './context.ts';
import { stepDue } from './due.ts';
import { loadRun } from './loading.ts';
import { armDueTimer, isServing } from './memory.ts';

const SLICE = 500;

export function fireDue(h: History): void {
  const now = h.env.now();
  let taken = 0;
  for (let key = h.due.pop(now); key !== undefined; key = h.due.pop(now)) {
    const { runId } = key;
    const run = h.hot.get(runId);
    // Loading steps the run by itself.
    if (run !== undefined) stepDue(h, run);
    else
      loadRun(h, key).catch((error: unknown) => {
        if (isServing(h)) h.log('warn', 'a due run could not be loaded', { runId, error: String(error) });
      });
    taken += 1;
    if (taken >= SLICE) break;
  }
  armDueTimer(h);
}
