// Workflow code in plain JavaScript.
import { proxyActivities, sleep } from '@perdure/sdk/workflow';

const { greet } = proxyActivities({ startToCloseTimeout: '1m' });

export async function greeting(name) {
  await sleep('1 day');
  return await greet(name);
}
