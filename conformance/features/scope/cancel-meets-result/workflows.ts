// Waits in a scope for a worker that the scenario plays.
import { CancellationScope, defineSignal, isCancellation, proxyActivities, setHandler } from '@perdure/sdk/workflow';

export async function scopeRace(taskQueue: string): Promise<unknown> {
  const { scopeRaceWork } = proxyActivities<{ scopeRaceWork(): Promise<string> }>({
    startToCloseTimeout: '1m',
    cancellationType: 'try',
    taskQueue,
  });
  const scope = new CancellationScope();
  setHandler(defineSignal('stop'), () => scope.cancel('too late'));
  return await scope.run(scopeRaceWork).catch((error: unknown) => [isCancellation(error), ((error as Error).cause as Error).message]);
}
