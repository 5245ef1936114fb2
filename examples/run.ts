// What the examples begin with: a client, and a worker in the same process. Needs a service: npx perdure dev
import assert from 'node:assert/strict';
import { Client } from '@perdure/sdk/client';
import { Worker, type WorkerOptions } from '@perdure/sdk/worker';

export interface Scene {
  readonly address: string;
  readonly client: Client;
  /** Where this example's worker polls. */
  readonly taskQueue: string;
  /** A workflow id that no run had before. */
  fresh(name: string): string;
}

/** Runs `play` beside a worker with this code; the worker ends with it. The process fails if `play` does. */
export async function runExample(
  taskQueue: string,
  code: Pick<WorkerOptions, 'workflows' | 'activities' | 'dataConverter'>,
  play: (scene: Scene) => Promise<void>,
): Promise<void> {
  const address = process.env.PERDURE_ADDRESS ?? '127.0.0.1:7233';
  const client = new Client({ address, ...(code.dataConverter && { dataConverter: code.dataConverter }) });
  const worker = await Worker.create({ address, taskQueue, shutdownGrace: '1 second', ...code });
  const running = worker.run();
  try {
    await play({ address, client, taskQueue, fresh: (name) => `${name}-${Date.now().toString(36)}` });
    console.log('The example ends as it should.');
  } finally {
    worker.shutdown();
    await running;
    client.close();
  }
}

/** Says what was found, and ends the example with an error if it is something else. */
export function show(what: string, found: unknown, expected: unknown): void {
  assert.deepEqual(found, expected, what);
  console.log(`${what}: ${JSON.stringify(found)}`);
}
