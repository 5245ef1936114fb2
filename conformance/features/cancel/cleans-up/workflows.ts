// What workflows do when they are asked to cancel.
import { CancellationScope, executeActivity, isCancellation, sleep } from '@perdure/sdk/workflow';

/** Cleans up by an activity, then ends as canceled. */
export async function cleansUp(taskQueue: string): Promise<void> {
  try {
    await sleep('1h');
  } catch (error) {
    if (isCancellation(error))
      await CancellationScope.nonCancellable(() => executeActivity('cleansUpRelease', { taskQueue, startToCloseTimeout: '1m' }));
    throw error;
  }
}

/** Completes all the same. */
export async function cleansUpNothing(): Promise<string> {
  try {
    await sleep('1h');
  } catch (error) {
    if (isCancellation(error)) return 'done anyway';
    throw error;
  }
  return 'slept';
}
