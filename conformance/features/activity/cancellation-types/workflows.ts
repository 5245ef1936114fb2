// Cancels three activities, each in its own way.
import {
  type ActivityCancellationType,
  CancellationScope,
  condition,
  defineSignal,
  executeActivity,
  isCancellation,
  setHandler,
  setVar,
} from '@perdure/sdk/workflow';

const stop = defineSignal('stop');

export async function cancellationTypes(queue: string): Promise<string[]> {
  let stopping = false;
  setHandler(stop, () => {
    stopping = true;
  });
  const scope = new CancellationScope();
  const ends: string[] = [];
  const call = async (cancellationType: ActivityCancellationType): Promise<void> => {
    try {
      await executeActivity('cancellationTypesSlow', {
        cancellationType,
        taskQueue: `${queue}/${cancellationType}`,
        startToCloseTimeout: '1m',
      });
    } catch (error) {
      ends.push(`${cancellationType}: ${isCancellation(error) ? 'cancelled' : String(error)}`);
      setVar('ends', ends);
    }
  };
  const calls = scope.run(() => Promise.all([call('wait'), call('try'), call('abandon')]));
  await condition(() => stopping);
  scope.cancel();
  await calls;
  return ends;
}
