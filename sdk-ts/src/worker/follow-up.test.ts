// R-TASK-9: the end of an activity that carries what its run does next. The engine is scripted; the runners are wired as in a worker.
import type { ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import type { Command } from '@perdure/proto/perdure/api/v1/command';
import type { ItemError } from '@perdure/proto/perdure/api/v1/common';
import { History } from '@perdure/proto/perdure/api/v1/event';
import { type WorkflowTask, WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import {
  type CompleteActivityTasksRequest,
  CompleteActivityTasksResponse,
  WorkflowTaskCompletion,
  type WorkflowTaskResult,
} from '@perdure/proto/perdure/api/v1/worker_service';
import { expect, test } from 'vitest';
import { gate, refusal, type Script } from '../../test/support/scripted-api.ts';
import { activityTask, bytes, createTestLink, text, workflowTask } from '../../test/support/tasks.ts';
import { CancelledFailure } from '../common/failure.ts';
import { defaultPayloadConverter, encodeValue } from '../common/payload-converter.ts';
import { type ActivityFunction, createActivityRunner } from './activities.ts';
import type { EngineAnswer, WorkflowEngine } from './engine.ts';
import type { Link } from './link.ts';
import { createSlots } from './slots.ts';
import { createWorkflowRunner, type WorkflowRunner } from './workflows.ts';

type Answers = (request: CompleteActivityTasksRequest) => object | Promise<object>;

const taken: ItemError = { code: 0, reason: '', message: '', metadata: {}, retryAfter: undefined };
const refused = (code: number, reason: string): ItemError => ({ ...taken, code, reason, message: 'no' });
const accepted = (completedEventId: bigint, closed = false, nextTask?: WorkflowTask): WorkflowTaskResult => ({
  outcome: { $case: 'ok', value: { completedEventId, closed, nextTask, prolonged: false } },
});
const leftOut: WorkflowTaskResult = { outcome: { $case: 'error', value: refused(10, 'STALE_TASK') } };
const schedule: Command = { attributes: { $case: 'scheduleActivity', value: { input: [] } as never } };
const completed = (...commands: Command[]): EngineAnswer => ({
  kind: 'completed',
  completion: WorkflowTaskCompletion.create({ commands, sticky: true }),
});

/** An attempt whose run this worker holds at event `base`. */
function step(token: string, base = 2n, type = 'work'): ActivityTask {
  const seenEventId = base - 1n;
  const rest = { historyBytes: 300n, continueAsNewSuggested: true, taskTimeoutMs: 10_000n };
  const followUp = { activityNumber: 1, baseEventId: base, seenEventId, endEventId: base + 2n, ...rest };
  return { ...activityTask(token, { type }), followUp };
}

interface Parts {
  readonly activate?: (task: WorkflowTask) => EngineAnswer | Promise<EngineAnswer>;
  /** What the service answers to ends; accepts everything unless told. */
  readonly answers?: Answers;
  readonly script?: Script;
  readonly activities?: Record<string, unknown>;
  readonly dataConverter?: Link['dataConverter'];
}

const takesAll: Answers = ({ completions }) => ({
  errors: completions.map(() => taken),
  followUps: completions.some(({ followUp }) => followUp) ? completions.map(({ followUp }) => (followUp ? accepted(5n) : leftOut)) : [],
});

function setup({ activate = () => completed(), answers = takesAll, script = {}, activities = {}, dataConverter = {} }: Parts = {}) {
  const fixture = createTestLink(
    {
      completeActivityTasks: async (request) =>
        CompleteActivityTasksResponse.fromPartial((await Promise.resolve(answers(request))) as never),
      completeWorkflowTasks: ({ completions }) => ({ answerId: '', activityTasks: [], results: completions.map(() => accepted(9n)) }),
      ...script,
    },
    { dataConverter },
  );
  const { link, clock } = fixture;
  const done: string[] = [];
  const tasks: WorkflowTask[] = [];
  const engine: WorkflowEngine = {
    workflowTypes: ['flow'],
    activate: async (task) => {
      tasks.push(task);
      done.push(`activate ${text(task.token) || `follow-up ${task.baseEventId}`}`);
      return await activate(task);
    },
    committed: (runId, id, closed) => done.push(`committed ${runId} ${id}${closed ? ' closed' : ''}`),
    evict: (runId) => done.push(`evict ${runId}`),
    cachedRuns: () => 0,
    close: async () => {},
  };
  const slots = { activities: createSlots(clock, 4), workflows: createSlots(clock, 4) };
  const giveBack = (token: Uint8Array): void => void done.push(`give back ${text(token)}`);
  let workflows: WorkflowRunner | undefined;
  const runner = createActivityRunner(link, {
    activities: new Map(Object.entries({ work: () => 'done', ...activities }) as [string, ActivityFunction][]),
    slots: slots.activities,
    giveBack,
    followUp: async (success) => await workflows?.followUp(success),
  });
  workflows = createWorkflowRunner(link, { engine, slots: slots.workflows, eager: runner.eager, giveBack });
  const { take } = workflows;
  return {
    ...fixture,
    done,
    tasks,
    slots,
    runner,
    workflows,
    takeStep(...steps: ActivityTask[]) {
      for (const _ of steps) slots.activities.takeShare(1, 1);
      runner.take(steps);
    },
    takeTask(task: WorkflowTask) {
      slots.workflows.takeShare(1, 1);
      take([task]);
    },
    ends: () => fixture.requests('completeActivityTasks').flatMap(({ completions }) => completions),
    free: () => [slots.activities.free(), slots.workflows.free()],
  };
}

test('the run goes on at once, and both are told in one call', async () => {
  const { clock, takeStep, done, tasks, ends, requests, free } = setup({
    activities: { work: () => new Promise((resolve) => clock.setTimer(250.75, () => resolve('paid'))) },
    activate: () => completed(schedule),
  });
  takeStep(step('a'));
  await clock.advance(300);
  const [end] = ends();
  expect(end).toMatchObject({ token: bytes('a'), outcome: { $case: 'completed' }, followUp: { completion: { commands: [schedule] } } });
  // The service's time when the attempt was handed out, and what has passed since here; never later than that.
  expect(end?.followUp?.startedTime).toEqual({ seconds: 5n, nanos: 250_000_000 });
  expect(done).toEqual(['activate follow-up 2', 'committed r 5']);
  expect([requests('completeActivityTasks').length, requests('completeWorkflowTasks').length]).toEqual([1, 0]);
  expect(requests('completeActivityTasks')[0]).toMatchObject({ eagerActivitySlots: 1, eagerActivityQueues: ['queue'] });
  expect(free()).toEqual([4, 4]);
  const [task] = tasks;
  const facts = { baseEventId: 2n, seenEventId: 4n, historyFromEventId: 2n, historyBytes: 300n, continueAsNewSuggested: true, attempt: 1 };
  expect(task).toMatchObject({ ...facts, startedTime: end?.followUp?.startedTime, taskTimeoutMs: 10_000n, queryOnly: false });
  const [event, ...others] = History.decode(task?.history ?? bytes('')).events;
  expect([event?.id, event?.attributes?.$case, others]).toEqual([4n, 'activityCompleted', []]);
  expect(event?.attributes?.$case === 'activityCompleted' && text(event.attributes.value.result?.data ?? bytes(''))).toBe('"paid"');
});

test('steps in a row take one call each: the next attempt comes in the answer', async () => {
  let calls = 0;
  const { clock, takeStep, done, requests, free } = setup({
    activate: ({ baseEventId }) => (baseEventId < 8n ? completed(schedule) : completed()),
    answers: () => {
      calls += 1;
      const activityTasks = calls < 3 ? [step(`s${calls}`, 2n + 3n * BigInt(calls))] : [];
      return { errors: [taken], followUps: [accepted(2n + 3n * BigInt(calls), calls === 3)], answerId: `answer-${calls}`, activityTasks };
    },
  });
  takeStep(step('s0'));
  await clock.settle();
  const went = [2, 5, 8].flatMap((base) => [`activate follow-up ${base}`, `committed r ${base + 3}${base === 8 ? ' closed' : ''}`]);
  expect(done).toEqual(went);
  const sent = requests('completeActivityTasks').map(({ eagerActivitySlots, receivedAnswerIds }) => [
    eagerActivitySlots,
    receivedAnswerIds,
  ]);
  expect(sent).toEqual([
    [1, []],
    [1, ['answer-1']],
    [0, ['answer-2']],
  ]);
  expect(free()).toEqual([4, 4]);
});

test('left out: the run is forgotten, and its next task runs as usual', async () => {
  const { clock, takeStep, takeTask, done, free } = setup({ answers: () => ({ errors: [taken], followUps: [leftOut] }) });
  takeStep(step('a'));
  await clock.settle();
  expect(done).toEqual(['activate follow-up 2', 'evict r']);
  takeTask(workflowTask('t'));
  await clock.settle();
  expect(done.slice(2)).toEqual(['activate t', 'committed r 9']);
  expect(free()).toEqual([4, 4]);
});

const failure = {
  message: 'changed code',
  stackTrace: '',
  source: 'typescript',
  cause: undefined,
  encodedAttributes: undefined,
  info: undefined,
};
const large: Command = {
  attributes: { $case: 'completeWorkflow', value: { result: encodeValue(defaultPayloadConverter, 'x'.repeat(600_000), 'x') } },
};

test.each<[string, () => EngineAnswer | Promise<EngineAnswer>]>([
  ['has forgotten the run', () => ({ kind: 'needHistory' })],
  ['fails', () => ({ kind: 'failed', cause: WorkflowTaskFailureCause.NONDETERMINISM, failure })],
  ['hands the task back', () => ({ kind: 'returned' })],
  ['breaks', () => Promise.reject(new Error('no thread'))],
  ['asks for more than one request takes', () => completed(large)],
])('an engine that %s: the end is told alone, the run forgotten', async (_, activate) => {
  const { clock, takeStep, done, ends, requests, free } = setup({ activate });
  takeStep(step('a'));
  await clock.settle();
  expect(ends()).toMatchObject([{ outcome: { $case: 'completed' }, followUp: undefined }]);
  expect(done).toEqual(['activate follow-up 2', 'evict r']);
  // No task of the service failed: there was none.
  expect(requests('failWorkflowTasks')).toEqual([]);
  expect(free()).toEqual([4, 4]);
});

test('an engine that takes longer than a second: the end is told alone, and nothing else uses the run meanwhile', async () => {
  const slow = gate<EngineAnswer>();
  const { clock, takeStep, takeTask, done, ends, free } = setup({ activate: (task) => (text(task.token) ? completed() : slow.promise) });
  takeStep(step('a'));
  await clock.advance(999);
  expect(ends()).toEqual([]);
  await clock.advance(2);
  expect(ends()).toMatchObject([{ outcome: { $case: 'completed' }, followUp: undefined }]);
  takeTask(workflowTask('t'));
  await clock.settle();
  expect(done).toEqual(['activate follow-up 2']);
  expect(free()).toEqual([4, 2]);
  slow.open(completed());
  await clock.settle();
  expect(done).toEqual(['activate follow-up 2', 'evict r', 'activate t', 'committed r 9']);
  expect(free()).toEqual([4, 4]);
});

test('codecs: the run sees the result as it is, the service gets result and commands encoded', async () => {
  const flip = (data: Uint8Array): Uint8Array => data.map((byte) => byte ^ 1);
  const change = async (payloads: readonly { data: Uint8Array }[]) => payloads.map((payload) => ({ ...payload, data: flip(payload.data) }));
  const result = encodeValue(defaultPayloadConverter, 'plain', 'x');
  const { clock, takeStep, tasks, ends } = setup({
    dataConverter: { codecs: [{ encode: change, decode: change } as never] },
    activities: { work: () => 'secret' },
    activate: () => completed({ attributes: { $case: 'completeWorkflow', value: { result } } }),
  });
  takeStep(step('a'));
  await clock.settle();
  const [event] = History.decode(tasks[0]?.history ?? bytes('')).events;
  expect(event?.attributes?.$case === 'activityCompleted' && text(event.attributes.value.result?.data ?? bytes(''))).toBe('"secret"');
  const [end] = ends();
  const told = end?.outcome?.$case === 'completed' ? end.outcome.value.result?.data : undefined;
  expect(told && text(flip(told))).toBe('"secret"');
  const [command] = end?.followUp?.completion?.commands ?? [];
  const asked = command?.attributes?.$case === 'completeWorkflow' ? command.attributes.value.result?.data : undefined;
  expect(asked && text(flip(asked))).toBe('"plain"');
});

test('a task of the run that arrives before the service has answered waits', async () => {
  const answer = gate();
  const { clock, takeStep, takeTask, done, free } = setup({ answers: (request) => answer.promise.then(() => takesAll(request)) });
  takeStep(step('a'));
  takeTask(workflowTask('other', { runId: 'r2' }));
  await clock.settle();
  takeTask(workflowTask('t'));
  await clock.settle();
  expect(done.sort()).toEqual(['activate follow-up 2', 'activate other', 'committed r2 9']);
  done.length = 0;
  answer.open();
  await clock.settle();
  expect(done).toEqual(['committed r 5', 'activate t', 'committed r 9']);
  expect(free()).toEqual([4, 4]);
});

test('an attempt that ends before its run is done with the task that scheduled it has no follow-up, and forgets nothing', async () => {
  const first = gate<EngineAnswer>();
  const { clock, takeStep, takeTask, done, ends, free } = setup({ activate: () => first.promise });
  takeTask(workflowTask('t'));
  await clock.settle();
  takeStep(step('a'));
  await clock.settle();
  expect(ends()).toMatchObject([{ outcome: { $case: 'completed' }, followUp: undefined }]);
  first.open(completed());
  await clock.settle();
  expect(done).toEqual(['activate t', 'committed r 9']);
  expect(free()).toEqual([4, 4]);
});

test('the run waits for the answer that brought its attempt, when that is all that is left to do', async () => {
  const { clock, takeTask, done, free } = setup({
    activate: ({ token }) => completed(...(text(token) ? [schedule] : [])),
    script: {
      completeWorkflowTasks: () => ({ answerId: 'x', activityTasks: [step('a')], results: [accepted(2n)] }),
    },
  });
  takeTask(workflowTask('t'));
  await clock.settle();
  expect(done).toEqual(['activate t', 'committed r 2', 'activate follow-up 2', 'committed r 5']);
  expect(free()).toEqual([4, 4]);
});

test('the next task in the answer runs at once', async () => {
  const answers: Answers = () => ({ errors: [taken], followUps: [accepted(5n, false, workflowTask('next'))], answerId: 'answer' });
  const { clock, takeStep, done, requests, free } = setup({ answers });
  takeStep(step('a'));
  await clock.settle();
  expect(done).toEqual(['activate follow-up 2', 'committed r 5', 'activate next', 'committed r 9']);
  expect(requests('completeWorkflowTasks')[0]?.receivedAnswerIds).toEqual(['answer']);
  expect(free()).toEqual([4, 4]);
});

test('R-ACT-6: when the answer is lost the call is repeated; the second end comes too late, and the run is forgotten', async () => {
  let calls = 0;
  const { clock, takeStep, done, ends, lines, free } = setup({
    answers: () => {
      calls += 1;
      if (calls === 1) throw refusal(14, 'UNAVAILABLE');
      return { errors: [refused(5, 'ACTIVITY_NOT_FOUND')], followUps: [leftOut] };
    },
  });
  takeStep(step('a'));
  await clock.advance(5_000);
  expect(ends().map(({ followUp }) => followUp !== undefined)).toEqual([true, true]);
  expect(done).toEqual(['activate follow-up 2', 'evict r']);
  expect(lines).toContain('debug: the end of an activity attempt came too late');
  expect(free()).toEqual([4, 4]);
});

test('an end that the service cannot store is told as a failure, without the follow-up', async () => {
  const answers: Answers = ({ completions }) =>
    completions[0]?.followUp ? { errors: [refused(13, 'INTERNAL')], followUps: [leftOut] } : { errors: [taken] };
  const { clock, takeStep, done, ends, free } = setup({ answers });
  takeStep(step('a'));
  await clock.settle();
  expect(ends()).toMatchObject([{ followUp: {} }, { outcome: { $case: 'failed' }, followUp: undefined }]);
  expect(done).toEqual(['activate follow-up 2', 'evict r']);
  expect(free()).toEqual([4, 4]);
});

test('shutdown while it is open: what waits and the next task go back, and the worker waits for the answer', async () => {
  const answer = gate();
  const followUps = [accepted(5n, false, workflowTask('next'))];
  const { clock, takeStep, takeTask, done, runner, workflows, free } = setup({
    answers: () => answer.promise.then(() => ({ errors: [taken], followUps })),
  });
  takeStep(step('a'));
  await clock.settle();
  takeTask(workflowTask('t'));
  runner.stop();
  workflows.stop();
  let drained = false;
  void Promise.all([workflows.drained(), runner.drained()]).then(() => (drained = true));
  await clock.settle();
  expect([drained, done]).toEqual([false, ['activate follow-up 2', 'give back t']]);
  answer.open();
  await clock.settle();
  expect(done.slice(2)).toEqual(['committed r 5', 'give back next']);
  expect([drained, free(), clock.timers()]).toEqual([true, [4, 4], 0]);
});

test('a worker that stops begins none, and gives up what its engine has not finished', async () => {
  const finish = gate();
  const slow = gate<EngineAnswer>();
  const { clock, takeStep, done, ends, runner, workflows, free } = setup({
    activities: { late: () => finish.promise },
    activate: () => slow.promise,
  });
  takeStep(step('a'), { ...step('b', 2n, 'late'), execution: { workflowId: 'w', runId: 'r2' } });
  await clock.settle();
  runner.stop();
  workflows.stop();
  finish.open();
  await clock.advance(1_001);
  expect(ends().map(({ token, outcome, followUp }) => [text(token), outcome?.$case, followUp])).toEqual([
    ['b', 'completed', undefined],
    ['a', 'completed', undefined],
  ]);
  expect(done).toEqual(['activate follow-up 2']);
  slow.open(completed());
  await clock.settle();
  expect(done).toEqual(['activate follow-up 2', 'evict r']);
  expect(free()).toEqual([4, 4]);
});

test('none without the service saying so, after a failure, or without a free slot', async () => {
  const { clock, takeStep, done, ends, slots } = setup({
    activities: {
      fails: () => Promise.reject(new Error('down')),
      ends: () => Promise.reject(new CancelledFailure('enough')),
    },
  });
  takeStep(activityTask('plain'), step('failed', 2n, 'fails'), step('canceled', 2n, 'ends'));
  await clock.settle();
  slots.workflows.takeShare(1, 4);
  takeStep(step('busy'));
  await clock.settle();
  expect(ends().map(({ token, followUp }) => [text(token), followUp])).toEqual(
    ['plain', 'failed', 'canceled', 'busy'].map((token) => [token, undefined]),
  );
  expect([done, slots.workflows.free()]).toEqual([[], 0]);
});
