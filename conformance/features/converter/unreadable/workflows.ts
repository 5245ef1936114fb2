// Looks at everything it was given.
import { condition, defineSignal, proxyActivities, setHandler, workflowInfo } from '@perdure/sdk/workflow';

export async function unreadable(taskQueue: string): Promise<unknown> {
  const { work } = proxyActivities<{ work(): Promise<string> }>({ startToCloseTimeout: '1m', taskQueue });
  const heard: unknown[] = [];
  setHandler(defineSignal<[value: unknown]>('say'), (value) => {
    heard.push(value ?? 'undefined');
  });
  const result = await work().catch((error: Error) => error.name);
  await condition(() => heard.length === 2);
  return { result, heard, memo: (workflowInfo().memo.odd as Error).name };
}
