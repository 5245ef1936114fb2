// Bookings.
import { ApplicationFailure, activityInfo } from '@perdure/sdk/activity';

export async function sagaBook(part: string, fails: boolean): Promise<void> {
  if (fails) throw ApplicationFailure.nonRetryable(`no ${part}`, 'Full');
}

export async function sagaUndo(part: string, stuck: boolean): Promise<void> {
  if (stuck || activityInfo().attempt === 1) throw ApplicationFailure.retryable(`${part} is closed`);
}
