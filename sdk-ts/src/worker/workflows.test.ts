import { History } from '@perdure/proto/perdure/api/v1/event';
import { type WorkflowTask, WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { WorkflowTaskCompletion, type WorkflowTaskResult } from '@perdure/proto/perdure/api/v1/worker_service';
import { expect, test } from 'vitest';
import { gate, refusal, type Script } from '../../test/support/scripted-api.ts';
import { activityTask, bytes, createTestLink, text, workflowTask } from '../../test/support/tasks.ts';
import { defaultPayloadConverter, encodeValue } from '../common/payload-converter.ts';
import type { EngineAnswer, WorkflowEngine } from './engine.ts';
import { createSlots } from './slots.ts';
import { createWorkflowRunner } from './workflows.ts';

const taken = { code: 0, reason: '', message: '', metadata: {}, retryAfter: undefined };
const completion = (commands: WorkflowTaskCompletion['commands'] = []): EngineAnswer => ({
  kind: 'completed',
  completion: WorkflowTaskCompletion.fromPartial({ commands: commands as never }),
});
const accepted = (completedEventId: bigint, closed = false, nextTask?: WorkflowTask): WorkflowTaskResult => ({
  outcome: { $case: 'ok', value: { completedEventId, closed, nextTask, prolonged: false } },
});

function setup(activate: (task: WorkflowTask) => EngineAnswer | Promise<EngineAnswer>, script: Script = {}) {
  const fixture = createTestLink({
    completeWorkflowTasks: (request) => ({ answerId: '', activityTasks: [], results: request.completions.map(() => accepted(4n)) }),
    failWorkflowTasks: (request) => ({ errors: request.failures.map(() => taken) }),
    completeQueries: (request) => ({ errors: request.completions.map(() => taken) }),
    ...script,
  });
  const done: string[] = [];
  const engine: WorkflowEngine = {
    workflowTypes: ['flow'],
    activate: async (task) => {
      done.push(`activate ${text(task.token)}`);
      return await activate(task);
    },
    committed: (runId, id, closed) => done.push(`committed ${runId} ${id}${closed ? ' closed' : ''}`),
    evict: (runId) => done.push(`evict ${runId}`),
    cachedRuns: () => 0,
    close: async () => {},
  };
  const slots = createSlots(fixture.clock, 10);
  const eager = { slots: 0, taken: [] as string[] };
  const runner = createWorkflowRunner(fixture.link, {
    engine,
    slots,
    eager: {
      reserve: (most) => Math.min(eager.slots, most),
      take: (tasks) => eager.taken.push(...tasks.map((task) => text(task.token))),
    },
    giveBack: (token) => done.push(`give back ${text(token)}`),
  });
  const take = (...tasks: WorkflowTask[]): void => {
    slots.takeShare(1);
    slots.release(10 - tasks.length);
    runner.take(tasks);
  };
  return { ...fixture, done, slots, runner, take, eager };
}

test('completions travel together and label the runs', async () => {
  const { clock, take, done, requests, slots } = setup(() => completion());
  take(workflowTask('a', { runId: 'r1' }), workflowTask('b', { runId: 'r2' }));
  await clock.settle();
  expect(done).toEqual(['activate a', 'activate b', 'committed r1 4', 'committed r2 4']);
  const sent = requests('completeWorkflowTasks');
  expect(sent.map((request) => request.completions.map((item) => text(item.token)))).toEqual([['a', 'b']]);
  expect(slots.free()).toBe(10);
});

test('any answer but ok forgets the run', async () => {
  const error = { ...taken, code: 10, reason: 'UNSEEN_EVENTS', message: 'a signal came' };
  const { clock, take, done, requests } = setup(() => completion(), {
    completeWorkflowTasks: () => ({ answerId: '', activityTasks: [], results: [{ outcome: { $case: 'error', value: error } }] }),
  });
  take(workflowTask('a'));
  await clock.settle();
  expect(done).toEqual(['activate a', 'evict r']);
  expect(requests('failWorkflowTasks')).toEqual([]);
});

test('the next task of an accepted completion runs at once, and its answer is named in the next call', async () => {
  let first = true;
  const { clock, take, done, requests } = setup(() => completion(), {
    completeWorkflowTasks: () => {
      const results = [first ? accepted(4n, false, workflowTask('b')) : accepted(7n, true)];
      const answerId = first ? 'answer-1' : '';
      first = false;
      return { answerId, activityTasks: [], results };
    },
  });
  take(workflowTask('a'));
  await clock.settle();
  expect(done).toEqual(['activate a', 'committed r 4', 'activate b', 'committed r 7 closed']);
  expect(requests('completeWorkflowTasks').map((request) => request.receivedAnswerIds)).toEqual([[], ['answer-1']]);
});

test('one task per run at a time: a second one waits for the first', async () => {
  const first = gate();
  const { clock, take, done } = setup((task) => (text(task.token) === 'a' ? first.promise.then(() => completion()) : completion()));
  take(workflowTask('a'), workflowTask('b'), workflowTask('c', { runId: 'other' }));
  await clock.settle();
  expect(done).toEqual(['activate a', 'activate c', 'committed other 4']);
  first.open();
  await clock.settle();
  expect(done.slice(3)).toEqual(['committed r 4', 'activate b', 'committed r 4']);
});

test('a run that is not cached is sent again with its history from event 1 up to the seen one', async () => {
  const events = (...ids: bigint[]) => History.encode(History.fromPartial({ events: ids.map((id) => ({ id })) })).finish();
  const seen: unknown[] = [];
  const { clock, take, requests } = setup(
    (task) => {
      seen.push({ from: task.historyFromEventId, ids: History.decode(task.history).events.map((event) => event.id) });
      return seen.length === 1 ? { kind: 'needHistory' } : completion();
    },
    {
      getWorkflowHistory: ({ fromEventId }) => {
        const page = fromEventId === 1n ? events(1n, 2n, 3n) : events(4n, 5n);
        return { runId: 'r', history: page, nextEventId: fromEventId === 1n ? 4n : 6n, end: fromEventId !== 1n, closed: false };
      },
    },
  );
  take(workflowTask('a', { historyFromEventId: 5n, seenEventId: 5n, history: events(5n) }));
  await clock.settle();
  expect(seen).toEqual([
    { from: 5n, ids: [5n] },
    { from: 1n, ids: [1n, 2n, 3n, 4n, 5n] },
  ]);
  expect(requests('getWorkflowHistory').map(({ fromEventId, toEventId }) => [fromEventId, toEventId])).toEqual([
    [1n, 5n],
    [4n, 5n],
  ]);
});

test('the rest of a history that is too long for a task is fetched', async () => {
  const events = (...ids: bigint[]) => History.encode(History.fromPartial({ events: ids.map((id) => ({ id })) })).finish();
  let ids: bigint[] = [];
  const { clock, take } = setup(
    (task) => {
      ids = History.decode(task.history).events.map((event) => event.id);
      return completion();
    },
    { getWorkflowHistory: () => ({ runId: 'r', history: events(3n, 4n), nextEventId: 5n, end: true, closed: false }) },
  );
  take(workflowTask('a', { historyFromEventId: 1n, historyNextEventId: 3n, seenEventId: 4n, history: events(1n, 2n) }));
  await clock.settle();
  expect(ids).toEqual([1n, 2n, 3n, 4n]);
});

test('a task whose history is refused is forgotten', async () => {
  const { clock, take, done, requests } = setup(() => ({ kind: 'needHistory' }), {
    getWorkflowHistory: () => {
      throw refusal(5, 'WORKFLOW_NOT_FOUND');
    },
  });
  take(workflowTask('a', { seenEventId: 4n }));
  await clock.settle();
  expect(done).toEqual(['activate a', 'evict r']);
  expect(requests('failWorkflowTasks')).toEqual([]);
});

test('a failed activation is told with cause and failure, and the run forgotten', async () => {
  const failure = {
    message: 'changed code',
    stackTrace: '',
    source: 'typescript',
    cause: undefined,
    encodedAttributes: undefined,
    info: undefined,
  };
  const { clock, take, done, requests } = setup(() => ({ kind: 'failed', cause: WorkflowTaskFailureCause.NONDETERMINISM, failure }));
  take(workflowTask('a'));
  await clock.settle();
  expect(done).toEqual(['activate a', 'evict r']);
  expect(requests('failWorkflowTasks')[0]?.failures).toMatchObject([{ cause: WorkflowTaskFailureCause.NONDETERMINISM, failure }]);
});

test('a command the service refuses is logged; the service itself counts the failed attempt', async () => {
  const refused = { code: 3, reason: 'BAD_COMMAND', message: 'no such step', metadata: {}, retryAfter: undefined };
  const { clock, take, done, requests, lines } = setup(() => completion(), {
    completeWorkflowTasks: () => ({ answerId: '', activityTasks: [], results: [{ outcome: { $case: 'error', value: refused } }] }),
  });
  take(workflowTask('a'));
  await clock.settle();
  expect(done).toEqual(['activate a', 'evict r']);
  expect(lines).toContain('error: a workflow task failed');
  expect(requests('failWorkflowTasks')).toEqual([]);
});

test('a task that the engine returns goes back untouched', async () => {
  const { clock, take, done, requests, slots } = setup(() => ({ kind: 'returned' }));
  take(workflowTask('a'));
  await clock.settle();
  expect([done, requests('failWorkflowTasks'), slots.free()]).toEqual([['activate a', 'give back a'], [], 10]);
});

test('answers of queries that do not fit one request are to be asked for again', async () => {
  const answer = (queryId: string, size: number) => ({
    queryId,
    outcome: { $case: 'result' as const, value: encodeValue(defaultPayloadConverter, 'x'.repeat(size), 'x') },
  });
  const results = [answer('a', 2_000_000), answer('b', 2_000_000), answer('c', 1_000)];
  const { clock, take, requests } = setup(() => ({ kind: 'queries', results }));
  take(workflowTask('q', { queryOnly: true }));
  await clock.settle();
  const [sent] = requests('completeQueries')[0]?.completions ?? [];
  expect(sent?.queryResults.map(({ queryId, outcome }) => `${queryId} ${outcome?.$case}`)).toEqual(['a result', 'b failure', 'c result']);
});

test('a query answer that is refused for what it holds is answered by a failure', async () => {
  const refused = { code: 3, reason: 'BAD_FIELD', message: 'no such encoding', metadata: {}, retryAfter: undefined };
  const results = [{ queryId: 'q', outcome: { $case: 'result' as const, value: encodeValue(defaultPayloadConverter, 1, 'x') } }];
  const { clock, take, requests, lines } = setup(() => ({ kind: 'queries', results }), {
    completeQueries: ({ completions }) => ({ errors: completions.map((item) => (item.queryResults.length > 0 ? refused : taken)) }),
  });
  take(workflowTask('a', { queryOnly: true }));
  await clock.settle();
  const [, told] = requests('completeQueries').flatMap(({ completions }) => completions);
  expect(told).toMatchObject({ queryResults: [], failure: { message: 'the service refused the answer: no such encoding' } });
  expect(lines).toContain('error: a workflow task failed');
});

test('a failure that is refused for what it holds is told by its message alone', async () => {
  const refused = { code: 3, reason: 'TOO_LARGE', message: 'too large', metadata: {}, retryAfter: undefined };
  const failure = {
    message: 'broken',
    stackTrace: 'long',
    source: 'typescript',
    cause: undefined,
    encodedAttributes: undefined,
    info: undefined,
  };
  const { clock, take, requests } = setup(() => ({ kind: 'failed', cause: WorkflowTaskFailureCause.WORKFLOW_ERROR, failure }), {
    failWorkflowTasks: ({ failures }) => ({ errors: failures.map((item) => (item.failure?.stackTrace ? refused : taken)) }),
  });
  take(workflowTask('a'));
  await clock.settle();
  const told = requests('failWorkflowTasks').flatMap(({ failures }) => failures.map((item) => item.failure?.message));
  expect(told).toEqual(['broken', 'broken (shortened: ServiceError: too large)']);
});

test('a completion that is too large for the service even to read fails the task', async () => {
  const { clock, take, requests } = setup(() => completion(), {
    completeWorkflowTasks: () => {
      throw refusal(3, 'TOO_LARGE');
    },
  });
  take(workflowTask('a'));
  await clock.settle();
  expect(requests('failWorkflowTasks')[0]?.failures).toMatchObject([{ cause: WorkflowTaskFailureCause.TOO_LARGE }]);
});

test('an engine that throws fails the task', async () => {
  const { clock, take, requests } = setup(() => Promise.reject(new Error('engine broke')));
  take(workflowTask('a'));
  await clock.settle();
  expect(requests('failWorkflowTasks')[0]?.failures).toMatchObject([
    { cause: WorkflowTaskFailureCause.WORKFLOW_ERROR, failure: { message: 'engine broke' } },
  ]);
});

test('query-only tasks are answered by CompleteQueries, also when they fail', async () => {
  const failure = {
    message: 'broken',
    stackTrace: '',
    source: 'typescript',
    cause: undefined,
    encodedAttributes: undefined,
    info: undefined,
  };
  const results = [{ queryId: 'q', outcome: { $case: 'result' as const, value: encodeValue(defaultPayloadConverter, 1, 'x') } }];
  const { clock, take, done, requests } = setup((task) =>
    text(task.token) === 'good'
      ? { kind: 'queries', results }
      : { kind: 'failed', cause: WorkflowTaskFailureCause.WORKFLOW_ERROR, failure },
  );
  take(workflowTask('good', { queryOnly: true, runId: 'r1' }), workflowTask('bad', { queryOnly: true, runId: 'r2' }));
  await clock.settle();
  expect(requests('completeQueries').flatMap((request) => request.completions)).toMatchObject([
    { token: bytes('good'), queryResults: results },
    { token: bytes('bad'), queryResults: [], failure: { message: 'broken' } },
  ]);
  expect(done).toEqual(['activate good', 'activate bad', 'evict r2']);
});

test('a query-only task reads on to the end of the log: the block of the last task lies behind what it had seen', async () => {
  const page = (...ids: bigint[]) => History.encode(History.fromPartial({ events: ids.map((id) => ({ id })) })).finish();
  const shown: bigint[][] = [];
  const { clock, take, requests } = setup(
    (task) => {
      if (task.historyFromEventId > 1n) return { kind: 'needHistory' };
      shown.push(History.decode(task.history).events.map(({ id }) => id));
      return { kind: 'queries', results: [] };
    },
    {
      getWorkflowHistory: ({ fromEventId }) =>
        fromEventId < 4n
          ? { runId: 'r', history: page(...[1n, 2n, 3n].filter((id) => id >= fromEventId)), nextEventId: 4n, end: false, closed: false }
          : { runId: 'r', history: page(4n, 5n), nextEventId: 6n, end: true, closed: false },
    },
  );
  const facts = { queryOnly: true, baseEventId: 4n, seenEventId: 3n };
  take(workflowTask('paged', { ...facts, history: page(1n, 2n), historyFromEventId: 1n, historyNextEventId: 3n }));
  take(workflowTask('not cached', { ...facts, runId: 'other', history: page(4n, 5n), historyFromEventId: 4n }));
  await clock.settle();
  expect(shown).toEqual([
    [1n, 2n, 3n, 4n, 5n],
    [1n, 2n, 3n, 4n, 5n],
  ]);
  expect(new Set(requests('getWorkflowHistory').map(({ toEventId }) => toEventId))).toEqual(new Set([0n]));
});

test('commands over the limit fail the task, naming sizes and the largest', async () => {
  const large = encodeValue(defaultPayloadConverter, 'x'.repeat(4_000_000), 'x');
  const small = encodeValue(defaultPayloadConverter, 1, 'x');
  const command = (input: typeof large) => ({ attributes: { $case: 'scheduleActivity' as const, value: { input: [input] } } }) as never;
  const { clock, take, requests } = setup(() => completion([command(small), command(large)]));
  take(workflowTask('a'));
  await clock.settle();
  const [failed] = requests('failWorkflowTasks')[0]?.failures ?? [];
  expect(failed?.cause).toBe(WorkflowTaskFailureCause.TOO_LARGE);
  expect(failed?.failure?.message).toMatch(
    /the commands of one workflow task take 4000\d\d\d bytes, the limit is 3145728; the largest is command 2 of 2 \(scheduleActivity, about 4000\d\d\d bytes\)/,
  );
});

test('eager activity slots are offered for what is scheduled, as far as they are free, and the tasks taken', async () => {
  const schedule = { attributes: { $case: 'scheduleActivity', value: {} } } as never;
  const { clock, take, eager, requests } = setup((task) => completion(Array(Number(text(task.token))).fill(schedule)), {
    completeWorkflowTasks: ({ eagerActivitySlots }) => {
      const activityTasks = eagerActivitySlots > 0 ? [activityTask(`e${eagerActivitySlots}`)] : [];
      return { answerId: 'x', activityTasks, results: [accepted(4n)] };
    },
  });
  eager.slots = 3;
  for (const scheduled of ['0', '2', '5']) {
    take(workflowTask(scheduled));
    await clock.settle();
  }
  expect(requests('completeWorkflowTasks').map((sent) => [sent.eagerActivitySlots, sent.eagerActivityQueues])).toEqual([
    [0, []],
    [2, ['queue']],
    [3, ['queue']],
  ]);
  expect(eager.taken).toEqual(['e2', 'e3']);
});

test('shutdown: what waits goes back untouched, what runs is completed, next tasks go back', async () => {
  const first = gate();
  const { clock, take, done, runner } = setup(() => first.promise.then(() => completion()), {
    completeWorkflowTasks: () => ({ answerId: '', activityTasks: [], results: [accepted(4n, false, workflowTask('next'))] }),
  });
  take(workflowTask('a'), workflowTask('b'));
  await clock.settle();
  runner.stop();
  runner.take([workflowTask('c', { runId: 'other' })]);
  first.open();
  const drained = runner.drained();
  await clock.settle();
  await drained;
  expect(done).toEqual(['activate a', 'give back b', 'give back c', 'committed r 4', 'give back next']);
});

test('codecs work on histories, query arguments and commands, outside of the engine', async () => {
  const flip = (data: Uint8Array): Uint8Array => data.map((byte) => byte ^ 1);
  const change = async (payloads: readonly { data: Uint8Array }[]) => payloads.map((payload) => ({ ...payload, data: flip(payload.data) }));
  const codec = { encode: change, decode: change } as never;
  const secret = { encoding: 'json/plain', data: flip(bytes('"secret"')), metadata: {} };
  const history = History.encode(
    History.fromPartial({ events: [{ id: 1n, attributes: { $case: 'workflowSignaled', value: { signalName: 's', input: [secret] } } }] }),
  ).finish();
  let seen = '';
  const fixture = createTestLink(
    { completeWorkflowTasks: () => ({ answerId: '', activityTasks: [], results: [accepted(4n)] }) },
    { dataConverter: { codecs: [codec] } },
  );
  const engine = {
    workflowTypes: [],
    activate: async (task: WorkflowTask) => {
      const [event] = History.decode(task.history).events;
      if (event?.attributes?.$case === 'workflowSignaled') seen = text(event.attributes.value.input[0]?.data ?? bytes(''));
      const result = encodeValue(defaultPayloadConverter, 'plain', 'x');
      return completion([{ attributes: { $case: 'completeWorkflow', value: { result } } }]);
    },
    committed: () => {},
    evict: () => {},
    cachedRuns: () => 0,
    close: async () => {},
  };
  const eager = { reserve: () => 0, take: () => {} };
  const runner = createWorkflowRunner(fixture.link, { engine, slots: createSlots(fixture.clock, 2), eager, giveBack: () => {} });
  runner.take([workflowTask('a', { history, historyFromEventId: 1n, seenEventId: 1n })]);
  await fixture.clock.settle();
  expect(seen).toBe('"secret"');
  const [command] = fixture.requests('completeWorkflowTasks')[0]?.completions[0]?.commands ?? [];
  const result = command?.attributes?.$case === 'completeWorkflow' ? command.attributes.value.result : undefined;
  expect(result && text(flip(result.data))).toBe('"plain"');
});
