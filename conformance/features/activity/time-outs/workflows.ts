// Runs one activity per time-out, on a queue whose worker never reports.
import { ActivityFailure, executeActivity, TimeoutFailure } from '@perdure/sdk/workflow';

const once = { maximumAttempts: 1 };

export async function timeOutsEach(taskQueue: string): Promise<string[]> {
  const limits = [
    { scheduleToStartTimeout: '200ms', startToCloseTimeout: '1h' },
    { scheduleToCloseTimeout: '200ms' },
    { startToCloseTimeout: '200ms', retry: once },
    { startToCloseTimeout: '1h', heartbeatTimeout: '200ms', retry: once },
  ] as const;
  const told: string[] = [];
  for (const each of limits) {
    try {
      await executeActivity('timeOutsSilent', { ...each, taskQueue });
    } catch (error) {
      if (!(error instanceof ActivityFailure && error.cause instanceof TimeoutFailure)) throw error;
      told.push(`${error.cause.timeoutType}: ${error.retryState}`);
    }
  }
  return told;
}
