// Workflows with children, for the tests of their concept.

import {
  CancellationScope,
  type ChildCancellationType,
  type ChildWorkflowFailure,
  defineSignal,
  executeChild,
  getExternalWorkflowHandle,
  type ServiceFailure,
  sleep,
  startChild,
  workflowInfo,
} from '@perdure/sdk/workflow';

const go = defineSignal<[text: string]>('go');
const told = (error: unknown): string => {
  const { name, cause } = error as { name: string; cause?: Error };
  return `${name} < ${cause?.name ?? '-'}`;
};

/** Cancels a child of this type before (`early`) or after it has started. */
export async function cancels(cancellationType: ChildCancellationType, early: boolean): Promise<string> {
  const scope = new CancellationScope();
  const result = scope.run(async () => {
    const handle = await startChild('other', { cancellationType, args: [1] });
    if (!early) scope.cancel();
    return await handle.result();
  });
  if (early) scope.cancel();
  return await result.then(String, told);
}

export async function sends(): Promise<string[]> {
  const handle = await startChild(other, { args: [7], workflowId: 'mine', parentClosePolicy: 'abandon' });
  const external = getExternalWorkflowHandle('else');
  const answers = await Promise.all([
    handle.signal(go, 'now').then(() => 'delivered', told),
    external.signal('stop').then(
      () => 'delivered',
      (error: unknown) => (error as ServiceFailure).reason,
    ),
    external.cancel().then(() => 'delivered', told),
  ]);
  return [...answers, handle.workflowId, handle.firstExecutionRunId, String(await handle.result())];
}

export async function other(value: number): Promise<number> {
  await sleep(1);
  return value;
}

export async function fails(): Promise<unknown> {
  const failures: unknown[] = [];
  for (let at = 0; at < 4; at += 1) {
    await executeChild('other', { args: [at] }).catch((error: ChildWorkflowFailure) =>
      failures.push([error.workflowType, error.workflowId === `${workflowInfo().runId}/${at + 1}`, error.runId, told(error)]),
    );
  }
  return failures;
}

export async function refused(): Promise<string[]> {
  const wrong = [
    () => executeChild('other', { parentClosePolicy: 'never' as never }),
    () => executeChild('other', { cancellationType: 'maybe' as never }),
    () => executeChild(''),
    () => startChild('other', { workflowId: '' }),
    async () => getExternalWorkflowHandle(''),
  ];
  const messages: string[] = [];
  for (const attempt of wrong) await attempt().catch((error: Error) => messages.push(error.message));
  return messages;
}
