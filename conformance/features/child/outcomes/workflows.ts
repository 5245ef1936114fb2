// A parent that collects how its children ended.
import {
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  type ChildWorkflowSettings,
  executeChild,
  ServiceFailure,
  sleep,
} from '@perdure/sdk/workflow';

async function outcome(mode: string, options: ChildWorkflowSettings = {}): Promise<unknown> {
  try {
    return await executeChild(outcomesChild, { ...options, args: [mode] });
  } catch (error) {
    if (!(error instanceof ChildWorkflowFailure)) return 'another error';
    const { cause } = error as { cause?: Error };
    const why = cause instanceof ServiceFailure ? cause.reason : cause instanceof ApplicationFailure ? cause.type : '';
    return [cause?.name, why, error.workflowType, error.runId !== ''];
  }
}

export async function outcomesParent(taken: string, ended: string): Promise<unknown> {
  return [
    await outcome('fail'),
    await outcome('wait', { runTimeout: 200 }),
    await outcome('cancel'),
    await outcome('wait', { workflowId: taken }),
    await outcome('wait', { workflowId: ended }),
  ];
}

export async function outcomesChild(mode: string): Promise<void> {
  if (mode === 'fail') throw ApplicationFailure.nonRetryable('no money', 'CardDeclined');
  if (mode === 'cancel') throw new CancelledFailure('gave up');
  await sleep('1d');
}
