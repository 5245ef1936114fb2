// The one who answers.
import type { Scope } from '../../../sdks/ts/scope.ts';

export async function answer({ client, workflowId }: Scope, run: string, value: string): Promise<unknown> {
  const { pendingActivities } = await client.getHandle(workflowId(run)).describe();
  const [details] = pendingActivities.map((activity) => activity.heartbeatDetails as { question: string; token: string });
  const { question: asked, token } = details ?? { question: 'nothing', token: '' };
  const alive = await client.activity.heartbeat(token);
  await client.activity.complete(token, value);
  const again = await client.activity.complete(token, 'another').then(
    () => 'taken',
    (error: Error) => error.name,
  );
  return { asked, alive, again };
}
