import { History } from '@perdure/proto/perdure/api/v1/event';
import { WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import { DescribeWorkflowResponse } from '@perdure/proto/perdure/api/v1/workflow_service';
import { expect, expectTypeOf, test } from 'vitest';
import { itemError, json, ok, order, setup, signaled } from '../../test/support/client.ts';
import { gate, never, refusal } from '../../test/support/scripted-api.ts';
import { bytes, text } from '../../test/support/tasks.ts';
import { errorToFailure } from '../common/failure.ts';
import { defaultPayloadConverter } from '../common/payload-converter.ts';
import { Client, type StartOptions, type WorkflowHandle } from './index.ts';

test('starts made together travel together, each with an id of its own', async () => {
  const { clock, client, requests } = setup({
    startWorkflows: (request) => ({ results: request.items.map((item) => ok(`run of ${item.workflowId}`)) }),
  });
  const handles = Promise.all([
    client.start(order, {
      workflowId: 'a',
      taskQueue: 'q',
      args: ['x'],
      runTimeout: '5m',
      memo: { k: 1 },
      searchAttributes: { n: 2, s: 'v' },
    }),
    client.start('other', { workflowId: 'b', taskQueue: 'q', conflictPolicy: 'useExisting' }),
  ]);
  await clock.settle();
  expect((await handles).map((handle) => handle.runId)).toEqual(['run of a', 'run of b']);
  const [request] = requests('startWorkflows');
  expect(requests('startWorkflows')).toHaveLength(1);
  expect(request?.items).toMatchObject([
    {
      workflowType: 'order',
      identity: 'tester',
      runTimeout: { seconds: 300n, nanos: 0 },
      searchAttributes: { n: { value: { $case: 'int', value: 2n } }, s: { value: { $case: 'keyword', value: 'v' } } },
    },
    { workflowType: 'other', conflictPolicy: 2 },
  ]);
  expect(request?.items[0]?.input.map((payload) => text(payload.data))).toEqual(['"x"']);
  const ids = request?.items.map((item) => item.requestId) ?? [];
  expect(new Set(ids).size).toBe(2);
});

test('wrong options are named before anything is sent', async () => {
  const { client, calls } = setup({});
  await expect(client.start('w', { workflowId: '', taskQueue: 'q' })).rejects.toThrow('workflowId: must not be empty');
  await expect(client.start('w', { workflowId: 'a', taskQueue: '' })).rejects.toThrow('taskQueue: must not be empty');
  await expect(client.start('w', { workflowId: 5 as never, taskQueue: 'q' })).rejects.toThrow('workflowId: must be text, not number');
  await expect(client.start('w', { workflowId: 'a\ud800', taskQueue: 'q' })).rejects.toThrow(
    'workflowId: "a\\ud800" holds half of a surrogate',
  );
  await expect(client.start('w', { workflowId: 'a', taskQueue: 'q', memo: { '\udc00': 1 } })).rejects.toThrow('memo: "\\udc00" holds half');
  await expect(client.start(5 as unknown as string, { workflowId: 'a', taskQueue: 'q' })).rejects.toThrow(
    'workflow: must be text, not number',
  );
  await expect(client.start('w', undefined as never)).rejects.toThrow('options: workflowId and taskQueue are required');
  await expect(client.start('w', { workflowId: 'a', taskQueue: 'q', args: 'abc' as never })).rejects.toThrow('args: must be a list');
  await expect(client.getHandle('a').signal('\ud800')).rejects.toThrow('signal: "\\ud800" holds half of a surrogate pair');
  await expect(client.getHandle('a').query('')).rejects.toThrow('query: must not be empty');
  expect(() => client.getHandle('')).toThrow('workflowId: must not be empty');
  await expect(client.start('w', { workflowId: 'a', taskQueue: 'q', runTimeout: '5 parsecs' })).rejects.toThrow('runTimeout: "5 parsecs"');
  await expect(client.start('w', { workflowId: 'a', taskQueue: 'q', conflictPolicy: 'never' as never })).rejects.toThrow(
    'conflictPolicy: "never" is not one of fail, useExisting, terminateExisting',
  );
  await expect(client.start('w', { workflowId: 'a', taskQueue: 'q', args: [1n] })).rejects.toThrow('argument 1 of workflow w (bigint)');
  await expect(client.start('w', { workflowId: 'a', taskQueue: 'q', searchAttributes: { x: Number.NaN } })).rejects.toThrow(
    'searchAttributes.x',
  );
  expect(() => new Client({ address: 'x', connection: {} as never })).toThrow('address: not together with connection');
  expect(calls).toEqual([]);
});

test('each start succeeds or fails by itself; what the service could not take now goes again with the same id', async () => {
  let attempts = 0;
  const { clock, client, requests } = setup({
    startWorkflows: (request) => {
      attempts += 1;
      if (attempts === 1) throw refusal(14, 'UNAVAILABLE');
      return {
        results: request.items.map((item) => {
          if (item.workflowId === 'taken') return itemError(6, 'WORKFLOW_ALREADY_STARTED', { run_id: 'other-run' });
          if (item.workflowId === 'busy' && attempts === 2) return itemError(8, 'OVERLOADED');
          return ok('run');
        }),
      };
    },
  });
  const results = Promise.allSettled(['fine', 'taken', 'busy'].map((workflowId) => client.start('w', { workflowId, taskQueue: 'q' })));
  await clock.advance(5_000);
  expect(await results).toMatchObject([
    { status: 'fulfilled' },
    {
      status: 'rejected',
      reason: { name: 'WorkflowAlreadyStartedError', workflowId: 'taken', runId: 'other-run', reason: 'WORKFLOW_ALREADY_STARTED' },
    },
    { status: 'fulfilled' },
  ]);
  const sent = requests('startWorkflows').map((request) => request.items.map((item) => item.workflowId));
  expect(sent).toEqual([['fine', 'taken', 'busy'], ['fine', 'taken', 'busy'], ['busy']]);
  const ids = requests('startWorkflows').map((request) => request.items.find((item) => item.workflowId === 'busy')?.requestId);
  expect(new Set(ids).size).toBe(1);
});

test('a start gives up after the time of the retry options', async () => {
  const { clock, client } = setup({
    startWorkflows: () => {
      throw refusal(14, '');
    },
  });
  const outcome = expect(client.start('w', { workflowId: 'a', taskQueue: 'q' })).rejects.toMatchObject({ name: 'ServiceError', code: 14 });
  await clock.advance(60_000);
  await outcome;
});

test('signals to one workflow are never in two calls at once, so their order is kept', async () => {
  const gates: ReturnType<typeof gate<void>>[] = [];
  const order: string[] = [];
  const { clock, client } = setup({
    signalWorkflows: async (request) => {
      const landed = gate();
      gates.push(landed);
      await landed.promise;
      order.push(...request.items.map((item) => `${item.execution?.workflowId}:${item.signalName}:${item.input.map((p) => text(p.data))}`));
      return { results: request.items.map(() => signaled) };
    },
  });
  const a: WorkflowHandle = client.getHandle('a');
  for (const n of [1, 2, 3]) {
    void a.signal('s', n);
    await clock.settle();
  }
  void client.getHandle('b').signal({ name: 't' }, 'x');
  await clock.settle();
  expect(gates).toHaveLength(2);
  gates[1]?.open();
  gates[0]?.open();
  await clock.settle();
  gates[2]?.open();
  await clock.settle();
  expect(order).toEqual(['b:t:"x"', 'a:s:1', 'a:s:2', 'a:s:3']);
});

test('a start the service cannot take now holds up no other; signals behind one that goes again stay behind it', async () => {
  const refused = new Set(['busy', 's1']);
  const { clock, client, requests } = setup({
    startWorkflows: ({ items }) => ({ results: items.map((item) => (item.workflowId === 'busy' ? itemError(14, '') : ok('run'))) }),
    signalWorkflows: ({ items }) => ({ results: items.map((item) => (refused.delete(item.signalName) ? itemError(14, '') : signaled)) }),
  });
  const started: string[] = [];
  for (const workflowId of ['fine', 'busy'])
    client.start('w', { workflowId, taskQueue: 'q' }).then(
      () => started.push(workflowId),
      () => started.push(`${workflowId} refused`),
    );
  const first = client.getHandle('a').signal('s1');
  await clock.settle();
  const second = client.getHandle('a').signal('s2');
  await clock.advance(1_000);
  expect(started).toEqual(['fine']);
  await Promise.all([first, second]);
  expect(requests('signalWorkflows').map(({ items }) => items.map((item) => item.signalName))).toEqual([['s1'], ['s1', 's2']]);
  await clock.advance(60_000);
  expect(started).toEqual(['fine', 'busy refused']);
});

test('a signal to no open run rejects with WorkflowNotFoundError', async () => {
  const { clock, client } = setup({ signalWorkflows: () => ({ results: [itemError(5, 'WORKFLOW_CLOSED')] }) });
  const outcome = expect(client.getHandle('a').signal('s')).rejects.toMatchObject({
    name: 'WorkflowNotFoundError',
    reason: 'WORKFLOW_CLOSED',
  });
  await clock.settle();
  await outcome;
});

test('queries are asked again until the run had its first task, and throw what the handler threw', async () => {
  let attempts = 0;
  const { clock, client } = setup({
    queryWorkflow: (request) => {
      if (request.queryType === 'bad') {
        return { outcome: { $case: 'failure', value: errorToFailure(new RangeError('too far'), defaultPayloadConverter) } };
      }
      attempts += 1;
      if (attempts < 3) throw refusal(9, 'QUERY_NOT_READY');
      return { outcome: { $case: 'result', value: json({ n: 5 }) } };
    },
  });
  const good = client.getHandle('a').query('good', 1);
  const bad = expect(client.getHandle('a').query('bad')).rejects.toMatchObject({
    name: 'ApplicationFailure',
    type: 'RangeError',
    message: 'too far',
  });
  await clock.advance(5_000);
  expect(await good).toEqual({ n: 5 });
  await bad;
});

test('the history is read page by page, from the run that the first page names', async () => {
  const page = (...ids: bigint[]) => History.encode(History.fromPartial({ events: ids.map((id) => ({ id })) })).finish();
  const { client, requests } = setup({
    getWorkflowHistory: ({ fromEventId }) =>
      fromEventId === 1n
        ? { runId: 'r1', history: page(1n, 2n), nextEventId: 3n, end: false, closed: false }
        : { runId: 'r1', history: page(3n), nextEventId: 4n, end: true, closed: false },
  });
  const { events } = await client.getHandle('a').fetchHistory();
  expect(events.map((event) => event.id)).toEqual([1n, 2n, 3n]);
  expect(requests('getWorkflowHistory').map((request) => request.execution?.runId)).toEqual(['', 'r1']);
});

test('describe and list are readable', async () => {
  const response = DescribeWorkflowResponse.fromPartial({
    summary: {
      execution: { workflowId: 'a', runId: 'r' },
      workflowType: 'order',
      status: WorkflowStatus.RUNNING,
      startTime: { seconds: 10n },
      historyLength: 12n,
      memo: { note: json('hello') },
      searchAttributes: { n: { value: { $case: 'int', value: 5n } } },
    },
    pendingActivities: [
      {
        activityId: '1',
        activityType: 'pay',
        state: 3,
        failures: [{ attempt: 1, failure: errorToFailure(new Error('x'), defaultPayloadConverter) }],
      },
    ],
    pendingTimers: [{ number: 1, dueTimeMs: 5_000n }],
    variables: { paid: json(3), broken: { encoding: 'odd', data: bytes('?') } },
    blocked: { cause: 'NONDETERMINISM', attempt: 4 },
  });
  let pages = 0;
  const { client } = setup({
    describeWorkflow: () => response,
    listWorkflows: () => ({ workflows: response.summary ? [response.summary] : [], nextPageToken: bytes(++pages === 1 ? 'more' : '') }),
    countWorkflows: () => ({ count: 2n, groups: [] }),
  });
  const description = await client.getHandle('a').describe();
  expect(description).toMatchObject({
    workflowId: 'a',
    status: 'Running',
    startTime: new Date(10_000),
    closeTime: undefined,
    historyLength: 12,
    memo: { note: 'hello' },
    searchAttributes: { n: 5 },
    pendingActivities: [{ type: 'pay', state: 'backingOff', failures: [{ failure: { message: 'x' } }] }],
    pendingTimers: [{ number: 1, dueTime: new Date(5_000) }],
    variables: { paid: 3 },
    blocked: { cause: 'NONDETERMINISM', attempt: 4 },
  });
  expect(description.variables.broken).toBeInstanceOf(Error);
  const listed: string[] = [];
  for await (const run of client.list({ filter: "Status = 'Running'" })) listed.push(run.workflowId);
  expect([listed, await client.count()]).toEqual([['a', 'a'], 2]);
});

test('terminate means one run and one request, however often it is tried', async () => {
  let tries = 0;
  const { clock, client, requests } = setup({
    describeWorkflow: () => DescribeWorkflowResponse.fromPartial({ summary: { execution: { workflowId: 'a', runId: 'r1' } } }),
    terminateWorkflow: () => {
      tries += 1;
      if (tries === 1) throw refusal(4, '');
      return {};
    },
  });
  const ended = client.getHandle('a').terminate('enough');
  await clock.advance(1_000);
  await ended;
  const sent = requests('terminateWorkflow');
  expect(sent.map(({ execution }) => execution?.runId)).toEqual(['r1', 'r1']);
  expect(new Set(sent.map(({ requestId }) => requestId)).size).toBe(1);
  expect(sent[0]?.requestId).not.toBe('');
});

test('terminating a run that has closed before is refused', async () => {
  const { client, calls } = setup({
    terminateWorkflow: () => {
      throw refusal(5, 'WORKFLOW_CLOSED');
    },
  });
  await expect(client.getHandle('a', 'r').terminate()).rejects.toMatchObject({ name: 'WorkflowNotFoundError', reason: 'WORKFLOW_CLOSED' });
  expect(calls.map(({ rpc }) => rpc)).toEqual(['terminateWorkflow']);
});

test('close ends what waits', async () => {
  const { clock, client } = setup({ awaitWorkflowResults: (_, call) => never(call?.abort) });
  const outcome = expect(client.getHandle('a').result()).rejects.toMatchObject({ code: 1 });
  await clock.settle();
  client.close();
  await outcome;
  expect(clock.timers()).toBe(0);
});

test('types flow from the workflow function', () => {
  const { client } = setup({});
  expectTypeOf<StartOptions<typeof order>['args']>().toEqualTypeOf<Parameters<typeof order>>();
  // A Date comes back as text.
  expectTypeOf(client.execute<typeof order>).returns.resolves.toEqualTypeOf<{ at: string; id: string }>();
  expectTypeOf(client.getHandle('a').result).returns.resolves.toBeAny();
});
