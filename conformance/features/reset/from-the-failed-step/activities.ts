// Books; the hotel has no room for the first run.
import { ApplicationFailure, activityInfo } from '@perdure/sdk/activity';

export async function tripBook(what: string, firstRunId: string): Promise<string> {
  const first = activityInfo().workflowExecution.runId === firstRunId;
  if (what === 'hotel' && first) throw ApplicationFailure.nonRetryable('no room');
  return `${what} by ${first ? 'the first run' : 'another run'}`;
}
