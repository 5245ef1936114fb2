/** Requests of workers: tokens, batches with good and bad items, polls. */
import type { Command } from '@perdure/proto/perdure/api/v1/command';
import {
  CompleteActivityTasksRequest,
  CompleteWorkflowTasksRequest,
  HeartbeatActivitiesRequest,
  PollActivityTasksRequest,
  ReturnTasksRequest,
} from '@perdure/proto/perdure/api/v1/worker_service';
import { expect, test } from 'vitest';
import {
  activityTokenBytes,
  call,
  createFrontendWorld,
  type FrontendWorld,
  namespaceId,
  worker,
  workflowTokenBytes,
} from '../../test/support/frontend-world.ts';
import { PerdureError } from '../errors.ts';

const MiB = 1_048_576;
const OTHER = '00000000-0000-7000-8000-00000000000f';

const forged = (): Uint8Array => {
  const bytes = Uint8Array.from(activityTokenBytes());
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  return bytes;
};

function complete(world: FrontendWorld, completions: readonly { token: Uint8Array; commands?: unknown[]; variables?: object }[]) {
  return world.frontend.completeWorkflowTasks(CompleteWorkflowTasksRequest.fromPartial({ worker, completions } as never), call);
}

function startTimer(more: object = {}): Command {
  return { attributes: { $case: 'startTimer', value: { number: 1, duration: undefined, callSite: '', ...more } } };
}

function finish(bytes: number): Command {
  return { attributes: { $case: 'completeWorkflow', value: { result: { encoding: '', data: new Uint8Array(bytes), metadata: {} } } } };
}

test('bad tokens are refused one by one; the good items reach history in order, answers keep the order', async () => {
  const world = createFrontendWorld();
  const completions = [
    forged(),
    activityTokenBytes(),
    workflowTokenBytes(),
    activityTokenBytes(OTHER),
    activityTokenBytes(namespaceId, 2),
    Uint8Array.of(),
  ];
  world.script.completeActivities = async () => ({
    ends: [undefined, new PerdureError('ACTIVITY_NOT_FOUND', 'gone')].map((error) => ({ error, followUp: undefined })),
    answerId: '',
    activityTasks: [],
  });
  const request = CompleteActivityTasksRequest.fromPartial({
    worker,
    completions: completions.map((token) => ({ token, outcome: { $case: 'completed' as const, value: {} } })),
  });
  const { errors } = await world.frontend.completeActivityTasks(request, call);
  expect(errors.map((one) => one.reason)).toEqual(['BAD_TOKEN', '', 'BAD_TOKEN', 'BAD_TOKEN', 'ACTIVITY_NOT_FOUND', 'BAD_TOKEN']);
  expect(errors[1]?.code).toBe(0);
  expect(world.asked).toMatchObject([
    {
      method: 'completeActivities',
      args: ['default', [{ token: { number: 1 } }, { token: { number: 2 } }], worker, { slots: 0, queues: [] }],
    },
  ]);
});

test('a batch of bad items only never bothers history', async () => {
  const world = createFrontendWorld();
  const request = HeartbeatActivitiesRequest.fromPartial({ worker, heartbeats: [{ token: forged() }] });
  const { results } = await world.frontend.heartbeatActivities(request, call);
  expect([results[0]?.cancelRequested, results[0]?.error?.reason, world.asked.length]).toEqual([false, 'BAD_TOKEN', 0]);
});

test('an activity ends with an outcome, and one that fits an event', async () => {
  const world = createFrontendWorld();
  const large = { $case: 'failed' as const, value: { message: 'x'.repeat(2 * MiB + 1) } };
  const fitting = { $case: 'failed' as const, value: { message: 'x'.repeat(2 * MiB) } };
  const completions = [{ token: activityTokenBytes() }, { token: activityTokenBytes(), outcome: large }];
  const { errors } = await world.frontend.completeActivityTasks(CompleteActivityTasksRequest.fromPartial({ worker, completions }), call);
  expect(errors.map((one) => one.message)).toEqual([
    'outcome: one of completed, failed and canceled is required',
    'failed: 2097153 bytes, the limit is 2097152',
  ]);
  const exact = CompleteActivityTasksRequest.fromPartial({ worker, completions: [{ token: activityTokenBytes(), outcome: fitting }] });
  expect((await world.frontend.completeActivityTasks(exact, call)).errors[0]?.message).toBe('');
});

test('commands that cannot be are refused by name, and recorded as a failure of the task so that the run shows it', async () => {
  const world = createFrontendWorld();
  const { results } = await complete(world, [
    { token: workflowTokenBytes(namespaceId, 'a'), commands: [startTimer(), startTimer({ duration: { seconds: -1n, nanos: 0 } })] },
    { token: workflowTokenBytes(namespaceId, 'b'), commands: [startTimer()] },
    { token: workflowTokenBytes(namespaceId, 'c'), variables: { 'x\0': {} } },
    { token: forged(), commands: [startTimer({ callSite: '\0' })] },
  ]);
  expect(
    results.map((one) => (one.outcome?.$case === 'error' ? [one.outcome.value.reason, one.outcome.value.metadata.field] : 'ok')),
  ).toEqual([['BAD_COMMAND', 'commands[1].start_timer.duration'], 'ok', ['BAD_FIELD', 'variables["x\\u0000"]'], ['BAD_TOKEN', 'token']]);
  const [failed, completed] = world.asked;
  expect([failed?.method, completed?.method]).toEqual(['failWorkflowTasks', 'completeWorkflowTasks']);
  const failures = failed?.args[0] as { token: { nonce: string }; cause: number; failure: { message: string; source: string } }[];
  expect(failures.map((one) => [one.token.nonce, one.cause, one.failure.source])).toEqual([
    ['a', 5, 'service'],
    ['c', 5, 'service'],
  ]);
  expect(failures[0]?.failure.message).toBe('commands[1].start_timer.duration: is negative (-1 s, 0 ns)');
});

test('commands have limits each and together, and the refusal names the largest', async () => {
  const world = createFrontendWorld();
  const one = async (commands: Command[]): Promise<unknown> => {
    const outcome = (await complete(world, [{ token: workflowTokenBytes(), commands }])).results[0]?.outcome;
    return outcome?.$case === 'error' ? `${outcome.value.reason} ${outcome.value.message}` : outcome?.$case;
  };
  expect(await one([finish(2 * MiB)])).toBe('ok');
  expect(await one([startTimer(), finish(2 * MiB + 1)])).toBe(
    'BAD_COMMAND commands[1].complete_workflow: 2097153 bytes, the limit is 2097152',
  );
  expect(await one([finish(1 * MiB), finish(2 * MiB)])).toMatch(
    /^BAD_COMMAND commands: 31457\d\d bytes in all, the limit is 3145728; the largest is commands\[1\].complete_workflow with 20971\d\d bytes$/,
  );
  const fields = { number: 1, activityType: 't', scheduleToCloseTimeout: undefined, input: [] };
  const schedule = (more: object): Command =>
    ({ attributes: { $case: 'scheduleActivity', value: { ...fields, ...more } } }) as unknown as Command;
  expect(await one([schedule({ activityId: 'x'.repeat(1_001) })])).toBe(
    'BAD_COMMAND commands[0].schedule_activity.activity_id: 1001 bytes, the limit is 1000',
  );
  expect(await one([schedule({ retryPolicy: { initialInterval: { seconds: -1n, nanos: 0 } } })])).toBe(
    'BAD_COMMAND commands[0].schedule_activity.retry_policy.initial_interval: is negative (-1 s, 0 ns)',
  );
  const causes = world.asked
    .filter((asked) => asked.method === 'failWorkflowTasks')
    .map((asked) => (asked.args[0] as { cause: number }[])[0]?.cause);
  expect(causes).toEqual([8, 8, 8, 5]);
});

test('received answers count even when the rest of the request is refused', async () => {
  const world = createFrontendWorld();
  world.script.claimTasks = (claims: unknown[]) => claims.map(() => ({ kind: 'activity', task: { input: [] } }));
  const ref = {
    kind: 'activity',
    namespaceId,
    queue: 'q',
    workflowId: 'wf',
    runId: 'r',
    number: 1,
    attempt: 1,
    dueAt: 0,
    stickyWorkerId: '',
  } as const;
  world.matching.offer([ref]);
  const poll = PollActivityTasksRequest.fromPartial({ worker, taskQueue: 'q', maxTasks: 5 });
  const { answerId, tasks } = await world.frontend.pollActivityTasks(poll, call);
  expect(tasks).toHaveLength(1);
  const bad = PollActivityTasksRequest.fromPartial({ worker, taskQueue: '', receivedAnswerIds: [answerId] });
  await expect(world.frontend.pollActivityTasks(bad, call)).rejects.toMatchObject({ reason: 'BAD_FIELD' });
  await world.env.advance(20_000);
  expect(world.asked.map((one) => one.method)).toEqual(['claimTasks']);
});

test.each([
  [{ worker: undefined }, 'worker.worker_id: is required'],
  [{ worker: { ...worker, workerId: '' } }, 'worker.worker_id: is required'],
  [{ taskQueue: '' }, 'task_queue: is required'],
  [{ maxTasks: 1_001 }, 'max_tasks: 1001 is not within 0 and 1000'],
  [{ maxTasks: -1 }, 'max_tasks: -1 is not within 0 and 1000'],
  [{ waitTimeout: { seconds: -1n, nanos: 0 } }, 'wait_timeout: is negative (-1 s, 0 ns)'],
  [{ receivedAnswerIds: Array.from({ length: 1_001 }, () => 'x') }, 'received_answer_ids: 1001 items, the limit is 1000'],
])('a poll with %o is refused', async (fields, message) => {
  const { frontend } = createFrontendWorld();
  const request = PollActivityTasksRequest.fromPartial({ worker, taskQueue: 'q', ...fields } as never);
  await expect(frontend.pollActivityTasks(request, call)).rejects.toThrow(message);
});

test('tasks of an answer that nobody waits for any more are offered again at once', async () => {
  const world = createFrontendWorld();
  const abort = new AbortController();
  const task = { activityId: 'eager' };
  world.script.completeWorkflowTasks = () => {
    const claim = { ref: { runId: 'r' }, claimId: 'c', worker, namespace: 'default' };
    const answerId = world.matching.track([claim as never]);
    abort.abort();
    return { results: [{ outcome: undefined }], answerId, activityTasks: [task] };
  };
  const request = CompleteWorkflowTasksRequest.fromPartial({
    worker,
    completions: [{ token: workflowTokenBytes() }],
    eagerActivitySlots: 1,
  });
  await world.frontend.completeWorkflowTasks(request, { abort: abort.signal });
  expect(world.asked.map((one) => one.method)).toEqual(['completeWorkflowTasks', 'undoClaims']);
});

test('tasks go back as far as their tokens are good; code that has begun is an activity', async () => {
  const world = createFrontendWorld();
  const request = ReturnTasksRequest.fromPartial({
    worker,
    untouched: [workflowTokenBytes(), forged()],
    begun: [activityTokenBytes(), workflowTokenBytes()],
  });
  await expect(world.frontend.returnTasks(request, call)).rejects.toMatchObject({
    reason: 'BAD_TOKEN',
    metadata: { field: 'untouched[1]' },
  });
  expect(world.asked).toMatchObject([
    {
      method: 'returnTasks',
      args: [
        [
          { workflow: {}, begun: false },
          { activity: {}, begun: true },
        ],
        worker,
      ],
    },
  ]);
});

interface EndGiven {
  readonly token: { readonly number: number; readonly baseEventId: bigint };
  readonly followUp: { readonly startedAt: number; readonly completion: { readonly commands: Command[] } } | undefined;
}

const endsAsked = (world: FrontendWorld): EndGiven[] =>
  world.asked.flatMap(({ method, args }) => (method === 'completeActivities' ? (args[1] as EndGiven[]) : []));

/** Ends of attempts 1, 2 … with these follow-ups. */
function endAll(world: FrontendWorld, followUps: readonly (object | undefined)[], more: object = {}, abort = call.abort) {
  const completions = followUps.map((followUp, index) => {
    const token = activityTokenBytes(namespaceId, index + 1);
    return { token, outcome: { $case: 'completed' as const, value: {} }, followUp, ...more };
  });
  return world.frontend.completeActivityTasks(CompleteActivityTasksRequest.fromPartial({ worker, completions } as never), { abort });
}

const at = { seconds: 1_800_000_000n, nanos: 250_999_999 };
const good = { startedTime: at, completion: { commands: [startTimer()] } };

test('R-TASK-9: a follow-up that is malformed or too large is dropped, and the end is taken', async () => {
  const world = createFrontendWorld();
  const text = { startedTime: at, completion: { commands: [startTimer({ callSite: '\0' })] } };
  const variable = { startedTime: at, completion: { variables: { 'x\0': {} } } };
  const tooLarge = { startedTime: at, completion: { commands: [finish(2 * MiB + 1)] } };
  const { errors, followUps } = await endAll(world, [text, good, variable, tooLarge, { startedTime: at }, undefined]);
  expect(errors.map(({ reason }) => reason)).toEqual(['', '', '', '', '', '']);
  expect(endsAsked(world).map(({ token, followUp }) => [token.number, followUp?.startedAt])).toEqual([
    [1, undefined],
    [2, 1_800_000_000_250],
    [3, undefined],
    [4, undefined],
    [5, undefined],
    [6, undefined],
  ]);
  expect(endsAsked(world)[1]?.followUp?.completion.commands).toEqual([startTimer()]);
  expect(followUps).toHaveLength(6);
  // A mistake in the answer to a task would fail the task; here there is none.
  expect(world.asked.map(({ method }) => method)).toEqual(['completeActivities']);
});

test('R-TASK-9: results of follow-ups stand at the places of their ends; without any there is no list', async () => {
  const world = createFrontendWorld();
  const ok = { outcome: { $case: 'ok' as const, value: { completedEventId: 5n, closed: false, nextTask: undefined, prolonged: false } } };
  world.script.completeActivities = async (_: string, items: EndGiven[]) => ({
    ends: items.map(({ followUp }) => ({ error: undefined, followUp: followUp && ok })),
    answerId: 'answer',
    activityTasks: [],
  });
  const answer = await endAll(world, [undefined, good, undefined]);
  expect(answer.answerId).toBe('answer');
  expect(answer.followUps.map(({ outcome }) => (outcome?.$case === 'error' ? outcome.value.reason : outcome?.$case))).toEqual([
    'STALE_TASK',
    'ok',
    'STALE_TASK',
  ]);
  expect((await endAll(world, [undefined, undefined])).followUps).toEqual([]);
});

test('R-API-4: an end with a forged token brings no follow-up', async () => {
  const world = createFrontendWorld();
  const { errors, followUps } = await endAll(world, [good], { token: forged() });
  expect([errors[0]?.reason, followUps]).toMatchObject(['BAD_TOKEN', [{ outcome: { $case: 'error', value: { reason: 'STALE_TASK' } } }]]);
  expect(world.asked).toEqual([]);
});

test('what comes in an answer that its caller does not wait for is offered again', async () => {
  const world = createFrontendWorld();
  const gone = new AbortController();
  const undelivered: string[] = [];
  world.matching.undelivered = (answerId) => void undelivered.push(answerId);
  world.script.completeActivities = async () => {
    gone.abort();
    return { ends: [{ error: undefined, followUp: undefined }], answerId: 'answer', activityTasks: [] };
  };
  await endAll(world, [good], {}, gone.signal);
  expect(undelivered).toEqual(['answer']);
});
