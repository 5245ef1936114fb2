// Sleeps in a scope that a signal cancels.
import { CancellationScope, CancelledFailure, condition, defineSignal, setHandler, sleep } from '@perdure/sdk/workflow';

const stop = defineSignal('stop');

export async function canceledSleeper(ms: number): Promise<string> {
  let stopping = false;
  setHandler(stop, () => {
    stopping = true;
    scope.cancel();
  });
  const scope = new CancellationScope();
  try {
    await scope.run(() => sleep(ms));
    return 'awake';
  } catch (error) {
    if (!(error instanceof CancelledFailure)) throw error;
    await condition(() => stopping);
    return 'cancelled';
  }
}
