// A contract that somebody must sign, far away from any worker.
import { proxyActivities } from '@perdure/sdk/workflow';
import type { signContract } from './worker.ts';

// The queue of the process that takes one task; the time limit is that of the signature, not of a function.
const { sign } = proxyActivities<{ sign: typeof signContract }>({ taskQueue: 'one-shot-tasks', startToCloseTimeout: '10 minutes' });

export async function contract(customer: string): Promise<string> {
  return `signed by ${await sign(customer)}`;
}
