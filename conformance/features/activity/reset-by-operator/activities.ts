// Fails, hangs, and succeeds when attempts count anew.
import { activityInfo, heartbeat, sleep } from '@perdure/sdk/activity';

export async function resetByOperatorWork(): Promise<{ attempt: number; found: unknown }> {
  const { attempt, heartbeatDetails: found } = activityInfo();
  if (attempt === 2) await sleep('1h');
  if (found !== undefined) return { attempt, found };
  heartbeat('failed');
  throw new Error('failed on purpose');
}
