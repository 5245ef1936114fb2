// A parent that cancels one child of each type.
import {
  CancellationScope,
  CancelledFailure,
  type ChildCancellationType,
  ChildWorkflowFailure,
  condition,
  defineSignal,
  isCancellation,
  setHandler,
  startChild,
} from '@perdure/sdk/workflow';

const end = defineSignal('end');

async function cancelOne(cancellationType: ChildCancellationType, workflowId: string): Promise<string> {
  const scope = new CancellationScope();
  try {
    return await scope.run(async () => {
      const handle = await startChild(cancellationTypesChild, { workflowId, cancellationType });
      scope.cancel();
      return await handle.result();
    });
  } catch (error) {
    return error instanceof ChildWorkflowFailure && error.cause instanceof CancelledFailure ? 'cancelled' : String(error);
  }
}

export async function cancellationTypesParent(prefix: string): Promise<string[]> {
  const results: string[] = [];
  for (const type of ['wait', 'waitRequested', 'try', 'abandon'] as const) results.push(await cancelOne(type, `${prefix}${type}`));
  return results;
}

export async function cancellationTypesChild(): Promise<string> {
  let ended = false;
  setHandler(end, () => {
    ended = true;
  });
  try {
    await condition(() => ended);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    return 'cleaned up';
  }
  return 'ended';
}
