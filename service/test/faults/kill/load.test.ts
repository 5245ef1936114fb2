// The load of the kill test itself, against a service without a worker: what comes to nothing is told, not waited for.
import { Client } from '@perdure/sdk/client';
import { expect, test } from 'vitest';
import { createRealEnv } from '../../../src/env-real.ts';
import { startServer } from '../../../src/server.ts';
import { createMemoryStore } from '../../../src/store/memory/store.ts';
import { SIGNALS, startLoad } from './load.ts';

test('a workflow that fails ends its line and is told with its name', async () => {
  const env = createRealEnv();
  const store = createMemoryStore({ now: env.now });
  const server = await startServer({ address: '127.0.0.1:0', store, env, log: () => {}, version: 'test', checkSchema: async () => {} });
  const client = new Client({ address: server.address });
  try {
    await server.ready;
    const load = startLoad(server.address, 1);
    await load.more(1 + SIGNALS);
    await client.getHandle('order-0').terminate('enough');
    // Resolves although nothing more will be acknowledged: the only line has ended.
    await load.more(1);
    await load.finish();
    expect(load.orders.map(({ workflowId, problem }) => [workflowId, problem])).toEqual([
      ['order-0', expect.stringMatching(/WorkflowFailedError: workflow order-0 .*Terminated.*enough/)],
    ]);
  } finally {
    client.close();
    await server.stop();
  }
});
