// Workflows that do what they must not.

import { condition, log, sleep } from '@perdure/sdk/workflow';

export async function blocking(): Promise<void> {
  let turns = 0;
  while (turns >= 0) turns = (turns + 1) % 1000;
}

/** Never takes anything out of its queue. */
export async function spinning(): Promise<void> {
  const queue = [1];
  while (true) await condition(() => queue.length > 0);
}

/** Rejections whose reasons cannot simply be made text. */
export async function strangeRejections(kind: string): Promise<string> {
  const reasons: Record<string, () => unknown> = {
    bare: () => Object.create(null),
    getter: () => ({
      get stack(): string {
        void sleep(1);
        return 'from a getter';
      },
    }),
    endless: () => ({
      get stack(): string {
        for (;;);
      },
    }),
    symbol: () => Symbol('s'),
    thrower: () => ({
      toString(): string {
        throw new Error('no text');
      },
    }),
  };
  void Promise.reject(reasons[kind]?.());
  await sleep(5);
  return 'went on';
}

export async function talking(): Promise<void> {
  for (let line = 0; line < 1_200; line += 1) log.info(`line ${line}`);
  await sleep(1);
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
