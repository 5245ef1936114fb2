// Forks a run that is driven by hand, as its owner would: the copy of its log, then what the fork records.
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { type Mark, Marks } from '@perdure/proto/perdure/server/v1/mark';
import { type ForkPlan, type ForkWishes, planFork } from '../../../src/core/fork-plan.ts';
import { decodeFrame, joinFrames, splitFrames } from '../../../src/core/frames.ts';
import type { Transition } from '../../../src/core/transition.ts';
import { apply, foldLog, type Run } from './run.ts';

export interface Forked {
  readonly plan: ForkPlan;
  readonly copied: HistoryEvent[];
  readonly marks: readonly Mark[];
  readonly run: Run;
  readonly transition: Transition;
}

/** A new run beside the one given. Throws PerdureError when it has no such place. */
export function forkRun(base: Run, wishes: ForkWishes, requestId = ''): Forked {
  const frames = base.log.flatMap(({ events }) => splitFrames(events));
  const events = frames.map(decodeFrame);
  const plan = planFork(events, wishes, base.state.admitted);
  const marks: Mark[] = base.log.flatMap((row) => Marks.decode(row.marks).marks).filter((mark) => Number(mark.afterEventId) <= plan.kept);
  const row = { events: joinFrames(frames.slice(0, plan.kept)), marks: Marks.encode({ marks }).finish() };
  const identity = { ...base.identity, runId: `${base.identity.runId}f` };
  const log = [row];
  const run: Run = { identity, state: foldLog({ log, identity }, base.now), now: base.now, ids: base.ids, log, lazy: [] };
  const forked = {
    baseRunId: 'run-0',
    reason: '',
    identity: '',
    requestId,
    excluded: [...wishes.excluded],
    resultsDropped: wishes.dropResults,
  };
  const { transition } = apply(run, 'fork', { forked, again: plan.again });
  return { plan, copied: events.slice(0, plan.kept), marks, run, transition };
}
