// Gets half of the work done, then waits until it is stopped.
import { activityInfo, cancellationSignal, heartbeat } from '@perdure/sdk/activity';

export async function pausedByOperatorWork(): Promise<{ attempt: number; found: unknown }> {
  const { attempt, heartbeatDetails: found } = activityInfo();
  if (found !== undefined) return { attempt, found };
  const signal = cancellationSignal();
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  heartbeat('half');
  throw signal.reason;
}
