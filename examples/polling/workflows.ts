// Waits for a service that takes long and can only be asked. The activity stays with it and reports how far it is.
import { ApplicationFailure, proxyActivities } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { render } = proxyActivities<typeof activities>({
  // A whole rendering may take a day; a worker that is gone is noticed after five seconds.
  startToCloseTimeout: '1 day',
  heartbeatTimeout: '5 seconds',
  retry: { initialInterval: '200 milliseconds' },
});

export async function film(title: string): Promise<string> {
  const file = await render(title);
  if (file === '') throw ApplicationFailure.nonRetryable('the rendering is empty', 'Empty');
  return file;
}
