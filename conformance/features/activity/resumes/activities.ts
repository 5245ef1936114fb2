// An activity that fails on each page once and begins where it stopped.
import { activityInfo, heartbeat } from '@perdure/sdk/activity';

export async function resumesCopy(pages: number): Promise<{ attempt: number; copied: number }> {
  const { attempt, heartbeatDetails } = activityInfo();
  const from = (heartbeatDetails as { copied: number } | undefined)?.copied ?? 0;
  if (from === pages) return { attempt, copied: from };
  heartbeat({ copied: from + 1 });
  throw new Error(`the connection broke after page ${from + 1}`);
}
