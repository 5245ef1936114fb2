// Comes too late.
import type { Scope } from '../../../sdks/ts/scope.ts';

export async function byToken({ client }: Scope, token: string): Promise<void> {
  await client.activity.complete(token, 'late');
}

export async function byNames({ client, workflowId }: Scope, run: string, runId: string): Promise<void> {
  await client.activity.complete({ workflowId: workflowId(run), runId, activityId: 'ask' }, 'late');
}

export async function alive({ client }: Scope, token: string): Promise<unknown> {
  return await client.activity.heartbeat(token);
}
