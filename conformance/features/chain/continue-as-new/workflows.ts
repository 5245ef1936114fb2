// Counts down by continuing as new.
import { makeContinueAsNewFunc, workflowInfo } from '@perdure/sdk/workflow';

export async function chainCountsDown(left: number): Promise<unknown> {
  const { memo, runTimeout, firstRunId, continuedFromRunId } = workflowInfo();
  if (left === 0) return { ...memo, runTimeout, first: firstRunId, before: continuedFromRunId };
  return makeContinueAsNewFunc<typeof chainCountsDown>({ memo: { shape: 'round' } })(left - 1);
}
