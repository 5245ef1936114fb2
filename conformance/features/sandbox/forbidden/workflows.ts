// Workflows that want what only activities may have.
import { proxyActivities } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

declare const process: { pid: number };

export async function forbiddenFetch(): Promise<unknown> {
  return await (globalThis as unknown as { fetch(url: string): Promise<unknown> }).fetch('http://127.0.0.1:9');
}

export async function forbiddenProcess(): Promise<number> {
  return process.pid;
}

export async function forbiddenDelegated(): Promise<boolean> {
  const { forbiddenProcessId } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });
  return await forbiddenProcessId();
}
