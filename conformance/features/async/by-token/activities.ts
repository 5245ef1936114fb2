// Asks, says under which token the answer is awaited, and ends.
import { activityInfo, completeAsync, heartbeat } from '@perdure/sdk/activity';

export async function asyncByTokenAsk(question: string): Promise<string> {
  heartbeat({ question, token: activityInfo().taskToken });
  completeAsync();
}
