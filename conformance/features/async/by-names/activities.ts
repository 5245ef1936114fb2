// Leaves the answer to others.
import { completeAsync, heartbeat } from '@perdure/sdk/activity';

export async function asyncByNamesAsk(): Promise<string> {
  heartbeat('asked');
  completeAsync();
}
