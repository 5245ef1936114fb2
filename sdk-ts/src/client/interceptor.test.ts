import { expect, test } from 'vitest';
import { ok, setup, signaled } from '../../test/support/client.ts';
import { text } from '../../test/support/tasks.ts';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { Client, type ClientInterceptor } from './index.ts';

const header = { text: { trace: 'abc' }, fields: {} };

function intercepted(...interceptors: ClientInterceptor[]) {
  const scripted = setup({
    startWorkflows: (request) => ({ results: request.items.map(() => ok('run')) }),
    signalWorkflows: (request) => ({ results: request.items.map(() => signaled) }),
    queryWorkflow: () => ({
      outcome: { $case: 'result', value: { encoding: 'json/plain', data: new TextEncoder().encode('1'), metadata: {} } },
    }),
    requestCancelWorkflow: () => ({}) as never,
  });
  const clock = createVirtualClock();
  return { ...scripted, clock, client: new Client({ connection: scripted.api, clock, identity: 'tester', log: () => {}, interceptors }) };
}

test('R-INTERCEPT-4: headers of starts, signals and queries are written by interceptors', async () => {
  const tracing: ClientInterceptor = {
    start: (input, next) => next({ ...input, headers: { ...input.headers, trace: 'abc' } }),
    signal: (input, next) => next({ ...input, headers: { ...input.headers, trace: 'abc' } }),
    query: (input, next) => next({ ...input, headers: { ...input.headers, trace: 'abc' } }),
  };
  const { client, requests, clock } = intercepted(tracing);
  const work = (async () => {
    const handle = await client.start('order', { workflowId: 'w', taskQueue: 'q' });
    await handle.signal('go', 1);
    return await handle.query('peek');
  })();
  await clock.settle();
  expect(await work).toBe(1);
  expect(requests('startWorkflows')[0]?.items[0]?.header).toEqual(header);
  expect(requests('signalWorkflows')[0]?.items[0]?.header).toEqual(header);
  expect(requests('queryWorkflow')[0]?.header).toEqual(header);
});

test('they may change what is asked for, see answers and errors, and the first is the outermost', async () => {
  const seen: string[] = [];
  class Naming implements ClientInterceptor {
    readonly #name: string;
    constructor(name: string) {
      this.#name = name;
    }
    async start(...[input, next]: Parameters<NonNullable<ClientInterceptor['start']>>): Promise<string> {
      seen.push(`${this.#name} ${input.workflowType}`);
      const runId = await next({ ...input, workflowType: `${input.workflowType}-${this.#name}` });
      seen.push(`${this.#name} ${runId}`);
      return runId;
    }
  }
  const { client, requests, clock } = intercepted(new Naming('a'), new Naming('b'), {
    cancel: async () => {
      throw new Error('not today');
    },
  });
  const handle = client.start('order', { workflowId: 'w', taskQueue: 'q', args: [7] });
  await clock.settle();
  expect(seen).toEqual(['a order', 'b order-a', 'b run', 'a run']);
  expect(requests('startWorkflows')[0]?.items[0]?.workflowType).toBe('order-a-b');
  expect(requests('startWorkflows')[0]?.items[0]?.input.map(({ data }) => text(data))).toEqual(['7']);
  await expect((await handle).cancel('x')).rejects.toThrow('not today');
  expect(requests('requestCancelWorkflow')).toEqual([]);
});

test('a header that is no text is named', async () => {
  const { client } = intercepted({ start: (input, next) => next({ ...input, headers: { trace: 5 as never } }) });
  await expect(client.start('order', { workflowId: 'w', taskQueue: 'q' })).rejects.toThrow('headers.trace: must be text, not number');
});
