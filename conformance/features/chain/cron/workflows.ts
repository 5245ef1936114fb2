// Reports what it knows of the runs before.
import { ApplicationFailure, workflowInfo } from '@perdure/sdk/workflow';

export async function chainReports(): Promise<unknown> {
  const { lastResult, lastFailure } = workflowInfo();
  if (lastFailure !== undefined) return [lastResult, lastFailure.message];
  if (lastResult !== undefined) throw ApplicationFailure.nonRetryable('broken');
  return 'first';
}
