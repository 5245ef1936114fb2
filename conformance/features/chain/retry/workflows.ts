// Fails until an attempt.
import { ApplicationFailure, workflowInfo } from '@perdure/sdk/workflow';

export async function chainTriesAgain(until: number, final?: boolean): Promise<unknown> {
  const { attempt, lastFailure } = workflowInfo();
  if (attempt === until) return [attempt, lastFailure?.message];
  throw ApplicationFailure.create({ message: `attempt ${attempt}`, nonRetryable: final === true });
}
