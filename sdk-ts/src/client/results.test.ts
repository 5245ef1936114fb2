// Waiting for results: long polls shared by all handles.
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { AwaitWorkflowResultsRequest, WorkflowResult } from '@perdure/proto/perdure/api/v1/workflow_service';
import { expect, test } from 'vitest';
import { closed, itemError, json, setup } from '../../test/support/client.ts';
import { gate, refusal } from '../../test/support/scripted-api.ts';
import { ApplicationFailure, errorToFailure } from '../common/failure.ts';
import { defaultPayloadConverter } from '../common/payload-converter.ts';

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
  polls[0]?.landed.open([closed(1, { $case: 'workflowCompleted', value: { completedEventId: 1n, newRunId: '', result: json('B') } })]);
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
            ? [closed(index, { $case: 'workflowCompleted', value: { completedEventId: 1n, newRunId: '', result: json(1) } })]
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
      return { results: [closed(0, { $case: 'workflowCompleted', value: { completedEventId: 1n, newRunId: '', result: json(1) } })] };
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
          closed(index, { $case: 'workflowCompleted', value: { completedEventId: 1n, newRunId: '', result: json(1) } }),
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
            ? [closed(index, { $case: 'workflowCompleted', value: { completedEventId: 1n, newRunId: '', result: json(1) } })]
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
      value: {
        completedEventId: 1n,
        newRunId: '',
        retryState: 0,
        failure: errorToFailure(ApplicationFailure.nonRetryable('no', 'T'), defaultPayloadConverter),
      },
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
    { $case: 'workflowTerminated', value: { reason: 'ops', details: [], identity: 'me', requestId: '', newRunId: '', keptEventId: 0n } },
    { status: 'Terminated', cause: { name: 'TerminatedFailure', message: 'ops', identity: 'me' } },
  ],
  [
    'timed out',
    { $case: 'workflowTimedOut', value: { timeoutType: 5, newRunId: '', retryState: 0 } },
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
        return closed(index, { $case: 'workflowCompleted', value: { completedEventId: 1n, newRunId: '', result: json('late') } });
      }),
    }),
  });
  const gone = expect(client.getHandle('gone').result()).rejects.toMatchObject({ name: 'WorkflowNotFoundError', workflowId: 'gone' });
  const late = client.getHandle('late').result();
  await clock.advance(5_000);
  await gone;
  expect(await late).toBe('late');
});
