/** Steps runs whose time has come, loading those that are not in memory. */
import { hasEffects } from '../core/effects.ts';
import { isOpen } from '../core/state.ts';
import { act } from './act.ts';
import type { History } from './context.ts';
import { deliverEffects } from './effects.ts';
import { purgeIfOver } from './purge.ts';
import type { HotRun } from './run.ts';

/** Steps a run whose time has come, or that has just been loaded. */
export function stepDue(h: History, run: HotRun): void {
  if (run.dropped) return;
  if (!isOpen(run.state)) {
    if (hasEffects(run.state)) deliverEffects(h, run);
    else purgeIfOver(h, run);
    return;
  }
  try {
    act(h, run, 'due', undefined);
  } catch (error) {
    h.log('error', 'a due run could not be stepped', { runId: run.key.runId, error: String(error) });
  }
}
