// Names the activity by ids that the caller knows.
import { type ActivityAnswer, ApplicationFailure } from '@perdure/sdk/client';
import type { Scope } from '../../../sdks/ts/scope.ts';

export async function alive({ client, workflowId }: Scope, run: string, activityId: string): Promise<ActivityAnswer> {
  return await client.activity.heartbeat({ workflowId: workflowId(run), activityId }, 'alive');
}

export async function fail({ client, workflowId }: Scope, run: string, activityId: string, why: string): Promise<void> {
  await client.activity.fail({ workflowId: workflowId(run), activityId }, ApplicationFailure.retryable(why, 'NotNow'));
}

export async function complete({ client, workflowId }: Scope, run: string, activityId: string, answer: string): Promise<void> {
  await client.activity.complete({ workflowId: workflowId(run), activityId }, answer);
}
