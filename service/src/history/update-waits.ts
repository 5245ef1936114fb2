/** Callers that wait for updates of a run: told of what its committed transitions decide. */
import { UpdateStage } from '@perdure/proto/perdure/api/v1/update';
import type { UpdateNews } from '../core/transition.ts';
import type { UpdateAnswer } from '../roles.ts';
import { Dropped, type HotRun } from './run.ts';

const { ACCEPTED, COMPLETED } = UpdateStage;

/** A caller that waits for one update of a run. */
export interface UpdateWaiter {
  readonly stage: UpdateStage;
  resolve(answer: UpdateAnswer): void;
  reject(error: Error): void;
}

/** Tells those who wait what the committed transition has decided. */
export function tellUpdates(run: HotRun, news: readonly UpdateNews[]): void {
  for (const each of news) {
    for (const waiter of [...(run.updateWaits?.get(each.updateId) ?? [])]) {
      if (each.kind === 'refused') waiter.reject(each.error);
      else if (each.kind === 'moved') waiter.reject(new Dropped());
      else if (each.kind === 'completed') waiter.resolve({ runId: run.key.runId, stage: COMPLETED, outcome: each.outcome });
      else if (waiter.stage === ACCEPTED) waiter.resolve({ runId: run.key.runId, stage: ACCEPTED, outcome: undefined });
    }
  }
}

/** The run's memory is gone: whoever waits sends again. */
export function dropUpdateWaits(run: HotRun): void {
  for (const waiting of [...(run.updateWaits?.values() ?? [])]) for (const waiter of [...waiting]) waiter.reject(new Dropped());
}
