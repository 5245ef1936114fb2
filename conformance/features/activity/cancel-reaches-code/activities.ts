// An activity that works until it is told to stop.
import { CancelledFailure, cancellationSignal, sleep } from '@perdure/sdk/activity';

export async function cancelReachesCodeWork(): Promise<never> {
  try {
    await sleep('1h');
  } catch {
    // Told to stop.
  }
  const { aborted } = cancellationSignal();
  throw new CancelledFailure('stopped', [{ aborted, done: 'half' }]);
}
