// A parent whose children are played by somebody else.
import { type ChildWorkflowFailure, defineSignal, executeChild, getExternalWorkflowHandle, startChild } from '@perdure/sdk/workflow';

const go = defineSignal<[text: string]>('go');

export async function recordedParent(taskQueue: string, taken: string): Promise<unknown> {
  const told: unknown[] = [];
  const handle = await startChild('any', { taskQueue, args: [1] });
  await handle.signal(go, 'now');
  told.push(await handle.result());
  const names = (error: ChildWorkflowFailure): unknown => [error.workflowType, (error.cause as Error).name, (error.cause as Error).message];
  told.push(await executeChild('any', { taskQueue, args: [2], parentClosePolicy: 'abandon' }).catch(names));
  told.push(
    await executeChild('any', { taskQueue, workflowId: taken })
      .catch(names)
      .then((facts) => (facts as unknown[]).slice(0, 2)),
  );
  await getExternalWorkflowHandle(taken).cancel('enough');
  return told;
}
