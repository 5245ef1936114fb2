// Workflows that do what they must not.

import { sleep } from '@perdure/sdk/workflow';

export async function blocking(): Promise<void> {
  let turns = 0;
  while (turns >= 0) turns = (turns + 1) % 1000;
}

export async function fetching(): Promise<void> {
  await (globalThis as unknown as { fetch(url: string): Promise<unknown> }).fetch('http://example.com');
}

declare const process: { env: Record<string, string> };

export async function environment(): Promise<string> {
  return process.env.HOME ?? '';
}

export async function throwing(): Promise<void> {
  await sleep(1);
  throw new RangeError('not a failure');
}

export async function unhandled(): Promise<string> {
  const lost = Promise.reject(new Error('nobody listens'));
  await sleep(1);
  return await lost.catch((error: Error) => error.message);
}
