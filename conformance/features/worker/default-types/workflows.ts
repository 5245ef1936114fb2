// For all types but one.
import { executeActivity, workflowInfo } from '@perdure/sdk/workflow';

export async function ownType(): Promise<string> {
  return await executeActivity<string>('ownActivity', { startToCloseTimeout: '1m' });
}

export default async function anyType(...args: unknown[]): Promise<unknown> {
  const { workflowType } = workflowInfo();
  return [workflowType, args, await executeActivity<unknown>(`activity of ${workflowType}`, { startToCloseTimeout: '1m', args })];
}
