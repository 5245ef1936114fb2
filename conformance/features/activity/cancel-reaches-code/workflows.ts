// Cancels an activity and tells how it ended.
import {
  ActivityFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  defineSignal,
  proxyActivities,
  setHandler,
} from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const stop = defineSignal('stop');
// Signs of life are sent three times as often.
const { cancelReachesCodeWork } = proxyActivities<typeof activities>({ startToCloseTimeout: '2h', heartbeatTimeout: '3s' });

export async function cancelReachesCode(): Promise<unknown> {
  let stopping = false;
  setHandler(stop, () => {
    stopping = true;
  });
  const scope = new CancellationScope();
  const work = scope.run(cancelReachesCodeWork);
  await condition(() => stopping);
  scope.cancel();
  try {
    return await work;
  } catch (error) {
    if (error instanceof ActivityFailure && error.cause instanceof CancelledFailure) return error.cause.details;
    throw error;
  }
}
