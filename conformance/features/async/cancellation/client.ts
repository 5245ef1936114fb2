// Works for an activity until it is told to stop.
import type { ActivityAnswer } from '@perdure/sdk/client';
import type { Scope } from '../../../sdks/ts/scope.ts';

export async function alive({ client }: Scope, token: string): Promise<ActivityAnswer> {
  return await client.activity.heartbeat(token);
}

export async function stopped({ client }: Scope, token: string): Promise<void> {
  await client.activity.reportCancellation(token, ['half done']);
}
