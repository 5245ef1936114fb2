/** What is released when a transition is committed: offers to matching, waiting callers, held inputs, queries. */
import type { Transition } from '../core/transition.ts';
import type { History } from './context.ts';
import { offerActivity, offerTask } from './offers.ts';
import { queriesAfterCommit } from './queries.ts';
import type { HotRun } from './run.ts';
import { tellUpdates } from './update-waits.ts';

/** What the caller of a step wants to do itself at its commit, before anything is offered to others. */
export interface Release {
  /** The open workflow task: true when taken. */
  takeTask?(run: HotRun): boolean;
  /** An activity's attempt: true when taken. */
  takeActivity?(run: HotRun, number: number): boolean;
}

/** Runs at the commit of the transition, or at once when it wrote nothing and nothing is queued. */
export function dispatch(h: History, run: HotRun, transition: Transition, release: Release | undefined): void {
  if (run.dropped) return;
  if (transition.offerTask && !(release?.takeTask?.(run) ?? false)) offerTask(h, run);
  for (const number of transition.offerActivities) {
    if (!(release?.takeActivity?.(run, number) ?? false)) offerActivity(h, run, number);
  }
  if (transition.deliverEffects) h.up.deliverEffects(run);
  if (!run.state.live.closeRefused && run.held.length > 0) for (const go of run.held.splice(0)) go();
  if (transition.events.length > 0) h.waits.committed(run);
  if (transition.updates !== undefined) tellUpdates(run, transition.updates);
  queriesAfterCommit(h, run);
}
