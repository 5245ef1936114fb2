// The same workflow after a change that old runs do not survive: it asks for an activity where the log holds a timer.
import { executeActivity } from '@perdure/sdk/workflow';

export async function changedCode(): Promise<string> {
  return await executeActivity('anything', { startToCloseTimeout: '1m' });
}
