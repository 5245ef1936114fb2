import { History, type HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import {
  type AwaitWorkflowResultsRequest,
  DescribeWorkflowResponse,
  type WorkflowResult,
} from '@perdure/proto/perdure/api/v1/workflow_service';
import { expect, expectTypeOf, test } from 'vitest';
import { createScriptedApi, gate, never, refusal, type Script } from '../../test/support/scripted-api.ts';
import { bytes, text } from '../../test/support/tasks.ts';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { ApplicationFailure, errorToFailure } from '../common/failure.ts';
import { defaultPayloadConverter, encodeValue } from '../common/payload-converter.ts';
import { Client, type StartOptions, type WorkflowHandle } from './index.ts';

const json = (value: unknown) => encodeValue(defaultPayloadConverter, value, 'test');
const ok = (runId: string) => ({ outcome: { $case: 'ok' as const, value: { runId, started: true } } });
const signaled = { outcome: { $case: 'ok' as const, value: { runId: 'r' } } };
const itemError = (code: number, reason: string, metadata: Record<string, string> = {}) => ({
  outcome: { $case: 'error' as const, value: { code, reason, message: `${reason} (scripted)`, metadata, retryAfter: undefined } },
});

function setup(script: Script) {
  const clock = createVirtualClock();
  const scripted = createScriptedApi(script);
  const lines: string[] = [];
  const client = new Client({ connection: scripted.api, clock, identity: 'tester', log: (_, message) => lines.push(message) });
  return { ...scripted, clock, client, lines };
}

async function order(id: string, when?: Date): Promise<{ at: Date; id: string }> {
  return { at: when ?? new Date(0), id };
}

function closeEvent(attributes: HistoryEvent['attributes']): HistoryEvent {
  return { id: 9n, time: undefined, attributes };
}

function closed(index: number, attributes: HistoryEvent['attributes']): WorkflowResult {
  return { index, runId: 'run', status: WorkflowStatus.COMPLETED, outcome: { $case: 'closeEvent', value: closeEvent(attributes) } };
}

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

test('handles share long polls; a result answers all who wait for that run', async () => {
  const polls: { request: AwaitWorkflowResultsRequest; landed: ReturnType<typeof gate<WorkflowResult[]>> }[] = [];
  const { clock, client } = setup({
    awaitWorkflowResults: async (request) => {
      const landed = gate<WorkflowResult[]>();
      polls.push({ request, landed });
      return { results: await landed.promise };
    },
  });
  const done: string[] = [];
  const wait = (id: string): void =>
    void client
      .getHandle(id, 'run')
      .result()
      .then((value) => done.push(`${id}=${value}`));
  wait('a');
  wait('b');
  wait('b');
  await clock.settle();
  wait('c');
  await clock.settle();
  const ids = () => polls.map((poll) => poll.request.executions.map((execution) => execution.workflowId));
  expect(ids()).toEqual([['a', 'b'], ['c']]);
  polls[0]?.landed.open([closed(1, { $case: 'workflowCompleted', value: { completedEventId: 1n, result: json('B') } })]);
  await clock.settle();
  expect(done).toEqual(['b=B', 'b=B']);
  // What is still open is asked for again, together with what is new.
  expect(ids()[2]).toEqual(['a']);
});

test('a run that closes soon is known soon, however many long polls are out; no run is forgotten', async () => {
  const closedRuns = new Set<string>();
  const { clock, client } = setup({
    awaitWorkflowResults: async (request, call) => {
      const ready = () =>
        request.executions.flatMap(({ workflowId }, index) =>
          closedRuns.has(workflowId)
            ? [closed(index, { $case: 'workflowCompleted', value: { completedEventId: 1n, result: json(1) } })]
            : [],
        );
      while (ready().length === 0 && !call?.abort?.aborted) await new Promise<void>((resolve) => clock.setTimer(1, resolve));
      if (call?.abort?.aborted) throw refusal(1, '');
      return { results: ready() };
    },
  });
  const done: string[] = [];
  const wait = (id: string): void =>
    void client
      .getHandle(id, 'run')
      .result()
      .then(() => done.push(id));
  for (const id of ['long 1', 'long 2', 'long 3', 'long 4', 'short']) {
    wait(id);
    await clock.advance(5);
  }
  closedRuns.add('short');
  await clock.advance(100);
  expect(done).toEqual(['short']);
  closedRuns.add('long 1').add('long 2').add('long 3').add('long 4');
  await clock.advance(100);
  expect(done).toHaveLength(5);
});

test('waiting while the service is away is told once', async () => {
  let away = true;
  const { clock, client, lines } = setup({
    awaitWorkflowResults: () => {
      if (away) throw refusal(14, '');
      return { results: [closed(0, { $case: 'workflowCompleted', value: { completedEventId: 1n, result: json(1) } })] };
    },
  });
  const result = client.getHandle('a', 'run').result();
  await clock.advance(120_000);
  expect(lines).toEqual(['the service cannot be reached (is the address right?); results are waited for until it can']);
  away = false;
  await clock.advance(10_000);
  expect([await result, lines.length]).toEqual([1, 2]);
});

test('a run that cannot be asked for does not end the waiting for others', async () => {
  const { clock, client } = setup({
    awaitWorkflowResults: ({ executions }) => {
      if (executions.some(({ workflowId }) => workflowId === 'bad')) throw refusal(3, 'INVALID_ARGUMENT');
      return {
        results: executions.map((_, index) =>
          closed(index, { $case: 'workflowCompleted', value: { completedEventId: 1n, result: json(1) } }),
        ),
      };
    },
  });
  const results = Promise.allSettled(['a', 'bad', 'c'].map((id) => client.getHandle(id, 'run').result()));
  await clock.advance(100);
  expect((await results).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('400 handles take few calls, each for many runs', async () => {
  const closedRuns = new Set<string>();
  const { clock, client, requests } = setup({
    awaitWorkflowResults: async (request) => {
      const ready = () =>
        request.executions.flatMap(({ workflowId }, index) =>
          closedRuns.has(workflowId)
            ? [closed(index, { $case: 'workflowCompleted', value: { completedEventId: 1n, result: json(1) } })]
            : [],
        );
      while (ready().length === 0) await new Promise<void>((resolve) => clock.setTimer(1, resolve));
      return { results: ready() };
    },
  });
  const results = Promise.all(Array.from({ length: 400 }, (_, index) => client.getHandle(`w${index}`, 'run').result()));
  for (let index = 0; index < 400; index += 2) {
    await clock.advance(1);
    closedRuns.add(`w${index}`).add(`w${index + 1}`);
  }
  await clock.advance(100);
  await results;
  expect(requests('awaitWorkflowResults').length).toBeLessThan(40);
});

test.each<[string, HistoryEvent['attributes'], object]>([
  [
    'failed',
    {
      $case: 'workflowFailed',
      value: { completedEventId: 1n, failure: errorToFailure(ApplicationFailure.nonRetryable('no', 'T'), defaultPayloadConverter) },
    },
    { status: 'Failed', cause: { name: 'ApplicationFailure', type: 'T', message: 'no' } },
  ],
  [
    'canceled',
    { $case: 'workflowCanceled', value: { completedEventId: 1n, details: [json('why')] } },
    { status: 'Canceled', cause: { name: 'CancelledFailure', details: ['why'] } },
  ],
  [
    'terminated',
    { $case: 'workflowTerminated', value: { reason: 'ops', details: [], identity: 'me' } },
    { status: 'Terminated', cause: { name: 'TerminatedFailure', message: 'ops', identity: 'me' } },
  ],
  [
    'timed out',
    { $case: 'workflowTimedOut', value: { timeoutType: 5 } },
    { status: 'TimedOut', cause: { name: 'TimeoutFailure', timeoutType: 'run' } },
  ],
])('a run that %s rejects with its cause', async (_, attributes, expected) => {
  const { clock, client } = setup({ awaitWorkflowResults: () => ({ results: [closed(0, attributes)] }) });
  const outcome = expect(client.getHandle('a', 'run').result()).rejects.toMatchObject({
    name: 'WorkflowFailedError',
    workflowId: 'a',
    runId: 'run',
    ...expected,
  });
  await clock.settle();
  await outcome;
});

test('waiting for a run that is not there rejects; one whose owner is away is asked for again', async () => {
  let attempts = 0;
  const { clock, client } = setup({
    awaitWorkflowResults: (request) => ({
      results: request.executions.map((execution, index) => {
        if (execution.workflowId === 'gone') return { index, runId: '', status: 0, ...itemError(5, 'WORKFLOW_NOT_FOUND') };
        attempts += 1;
        if (attempts < 3) return { index, runId: '', status: 0, ...itemError(14, 'UNAVAILABLE') };
        return closed(index, { $case: 'workflowCompleted', value: { completedEventId: 1n, result: json('late') } });
      }),
    }),
  });
  const gone = expect(client.getHandle('gone').result()).rejects.toMatchObject({ name: 'WorkflowNotFoundError', workflowId: 'gone' });
  const late = client.getHandle('late').result();
  await clock.advance(5_000);
  await gone;
  expect(await late).toBe('late');
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
    countWorkflows: () => ({ count: 2n }),
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

test.each([
  ['by the try whose answer was lost', 'enough', 'ended'],
  ['by somebody else', 'other', 'WORKFLOW_CLOSED'],
])('terminate means one run, however often it is tried: it was closed %s', async (_, recorded, expected) => {
  let tries = 0;
  const terminated = { $case: 'workflowTerminated' as const, value: { reason: recorded, details: [], identity: 'tester' } };
  const { clock, client, requests } = setup({
    describeWorkflow: () => DescribeWorkflowResponse.fromPartial({ summary: { execution: { workflowId: 'a', runId: 'r1' } } }),
    terminateWorkflow: () => {
      tries += 1;
      throw tries === 1 ? refusal(4, '') : refusal(5, 'WORKFLOW_CLOSED');
    },
    awaitWorkflowResults: () => ({ results: [closed(0, terminated)] }),
  });
  const ended = client
    .getHandle('a')
    .terminate('enough')
    .then(
      () => 'ended',
      (error: { reason: string }) => error.reason,
    );
  await clock.advance(1_000);
  expect(await ended).toBe(expected);
  expect(requests('terminateWorkflow').map(({ execution }) => execution?.runId)).toEqual(['r1', 'r1']);
  expect(requests('awaitWorkflowResults')[0]?.executions).toMatchObject([{ workflowId: 'a', runId: 'r1' }]);
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
