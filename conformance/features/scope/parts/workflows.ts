// A part of a workflow that a signal cancels.
import { CancellationScope, defineSignal, isCancellation, proxyActivities, setHandler, sleep } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { scopePartsWork } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });

export async function scopeParts(taskQueue: string): Promise<unknown> {
  const { scopePartsOutside } = proxyActivities<{ scopePartsOutside(): Promise<string> }>({ startToCloseTimeout: '1m', taskQueue });
  const scope = new CancellationScope();
  setHandler(defineSignal('stop'), () => scope.cancel('enough of this'));
  const inside = scope.run(async () => {
    const kept = CancellationScope.nonCancellable(async () => {
      await scopePartsWork('protected');
      return await scopePartsOutside();
    });
    const ends = await Promise.allSettled([sleep('1h'), CancellationScope.cancellable(() => sleep('2h'))]);
    const after = await scopePartsWork('never').catch((error: unknown) => isCancellation(error));
    return [...ends.map((end) => (end.status === 'rejected' ? (end.reason as Error).message : 'done')), after, await kept];
  });
  const outside = scopePartsOutside();
  return [await inside, await outside];
}
