// A parent with two children, one of which has a child of its own.
import { executeChild, startChild, workflowInfo } from '@perdure/sdk/workflow';

export async function completesParent(chosen: string): Promise<unknown> {
  const handle = await startChild(completesChild, { workflowId: chosen, args: ['one'], memo: { color: 'red' } });
  const one = await handle.result();
  const two = await executeChild<typeof completesChild>('completesChild', { args: ['two'] });
  return { one, two, ids: [handle.workflowId === chosen, handle.firstExecutionRunId !== ''] };
}

export async function completesChild(name: string): Promise<string> {
  const { parent, root } = workflowInfo();
  const nested = name === 'two' ? `+${await executeChild(completesGrandchild)}` : '';
  return `${name} of ${parent?.workflowId === root?.workflowId ? 'the top' : 'another'}${nested}`;
}

export async function completesGrandchild(): Promise<string> {
  const { parent, root, workflowId } = workflowInfo();
  return parent?.workflowId === root?.workflowId ? 'wrong' : workflowId.endsWith('/1') ? 'three' : workflowId;
}
