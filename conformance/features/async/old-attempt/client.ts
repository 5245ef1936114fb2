// Brings a result in both ways.
import type { Scope } from '../../../sdks/ts/scope.ts';

export async function completeByToken({ client }: Scope, token: string): Promise<void> {
  await client.activity.complete(token, 'by token');
}

export async function completeByNames({ client, workflowId }: Scope, run: string, activityId: string): Promise<void> {
  await client.activity.complete({ workflowId: workflowId(run), activityId }, 'by names');
}
