// Workflow code in TypeScript.
import { proxyActivities, sleep } from '@perdure/sdk/workflow';

interface Activities {
  greet(name: string): Promise<string>;
}

const { greet } = proxyActivities<Activities>({ startToCloseTimeout: '1m' });

export async function greeting(name: string): Promise<string> {
  await sleep('1 day');
  return await greet(name);
}
