/** The matching role against a history that grants, refuses and remembers what it is told. */
import type { ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import { expect, test } from 'vitest';
import { createManualEnv, type ManualEnv } from '../../test/support/manual-env.ts';
import { PerdureError } from '../errors.ts';
import type { ClaimAnswer, HistoryRole, PollInput, TaskClaim, TaskRef } from '../roles.ts';
import { createMatching, type Matching } from './service.ts';

interface Scripted {
  readonly env: ManualEnv;
  readonly matching: Matching;
  /** Batches of run ids as claimed. */
  readonly claimed: string[][];
  readonly undone: string[];
  readonly wanted: number[];
  readonly newcomers: string[];
  want: (count: number) => void;
  /** How the next claims are answered. */
  answer: (claim: TaskClaim) => ClaimAnswer;
  /** Claims wait for this. */
  gate: Promise<void>;
}

function task(claim: TaskClaim, bytes = 0): ClaimAnswer {
  const input = [{ encoding: '', data: new Uint8Array(bytes), metadata: {} }];
  return { kind: 'activity', task: { activityId: claim.ref.runId, input } as unknown as ActivityTask };
}

function setUp(maxWaitingPolls?: number): Scripted {
  const env = createManualEnv();
  const claimed: string[][] = [];
  const undone: string[] = [];
  const wanted: number[] = [];
  const newcomers: string[] = [];
  const history = {
    claimTasks: async (claims: readonly TaskClaim[]) => {
      claimed.push(claims.map((claim) => claim.ref.runId));
      await world.gate;
      return claims.map((claim) => world.answer(claim));
    },
    undoClaims: (claims: readonly TaskClaim[]) => undone.push(...claims.map((claim) => claim.ref.runId)),
    wantTasks: (_kind: string, _namespaceId: string, _queue: string, count: number) => {
      wanted.push(count);
      world.want(count);
    },
    newWorker: (_namespaceId: string, queue: string, workerId: string) => newcomers.push(`${queue} ${workerId}`),
  } as unknown as HistoryRole;
  const matching = createMatching({ env, history: () => history, maxWaitingPolls });
  const world: Scripted = {
    env,
    matching,
    claimed,
    undone,
    wanted,
    newcomers,
    answer: (claim) => task(claim),
    want: () => {},
    gate: Promise.resolve(),
  };
  return world;
}

function ref(runId: string, more: Partial<TaskRef> = {}): TaskRef {
  return {
    kind: 'activity',
    namespaceId: 'n',
    queue: 'q',
    workflowId: 'w',
    runId,
    number: 1,
    attempt: 1,
    dueAt: 0,
    stickyWorkerId: '',
    ...more,
  };
}

function input(more: Partial<PollInput> = {}, workerId = 'worker'): PollInput {
  const worker = { workerId, identity: '', buildId: '', sdkName: '', sdkVersion: '' };
  return { namespaceId: 'n', namespace: 'default', queue: 'q', worker, maxTasks: 10, waitMs: 60_000, stickyOnly: false, ...more };
}

const never = new AbortController().signal;
const names = (answer: { tasks: ActivityTask[] }): string[] => answer.tasks.map((one) => one.activityId);

test('R-MATCH-5: a poll takes all that waits in one claim and one answer', async () => {
  const world = setUp();
  expect(world.matching.offer([ref('a', { dueAt: 2 }), ref('b', { dueAt: 1 }), ref('x', { queue: 'other' })])).toBe(3);
  const answer = await world.matching.pollActivityTasks(input(), never);
  expect([names(answer), world.claimed]).toEqual([['b', 'a'], [['b', 'a']]]);
  expect(answer.answerId).not.toBe('');
});

test('what is offered in one turn goes to a waiting poll in one batch, and claims never run inside the offer', async () => {
  const world = setUp();
  const answer = world.matching.pollActivityTasks(input(), never);
  world.matching.offer([ref('a')]);
  world.matching.offer([ref('b')]);
  expect(world.claimed).toEqual([]);
  expect(names(await answer)).toEqual(['a', 'b']);
  expect(world.claimed).toEqual([['a', 'b']]);
});

test('a poll that finds nothing is answered empty after its wait', async () => {
  const world = setUp();
  let answer: { answerId: string; tasks: ActivityTask[] } | undefined;
  void world.matching.pollActivityTasks(input({ waitMs: 5_000 }), never).then((it) => {
    answer = it;
  });
  await world.env.advance(4_999);
  expect(answer).toBeUndefined();
  await world.env.advance(1);
  expect(answer).toEqual({ answerId: '', tasks: [] });
  expect(await world.matching.pollActivityTasks(input({ waitMs: 0 }), never)).toEqual({ answerId: '', tasks: [] });
});

test('gone and later are dropped; a poll that gets nothing for them waits on in its old place', async () => {
  const world = setUp();
  world.answer = (claim) => (claim.ref.runId === 'c' ? task(claim) : { kind: claim.ref.runId === 'a' ? 'gone' : 'later' });
  world.matching.offer([ref('a'), ref('b')]);
  const first = world.matching.pollActivityTasks(input(), never);
  const second = world.matching.pollActivityTasks(input({}, 'other'), never);
  await world.env.settle();
  expect(world.matching.describeQueue('activity', 'n', 'q')).toMatchObject({ pollers: 2, backlog: 0 });
  world.matching.offer([ref('c')]);
  expect(names(await first)).toEqual(['c']);
  expect(world.undone).toEqual([]);
  world.matching.close();
  expect(names(await second)).toEqual([]);
});

test('an answer that is not named as received within 15 s is undone, one that is named is not', async () => {
  const world = setUp();
  world.matching.offer([ref('a')]);
  const lost = await world.matching.pollActivityTasks(input(), never);
  await world.env.advance(5_000);
  world.matching.offer([ref('b')]);
  const arrived = await world.matching.pollActivityTasks(input(), never);
  world.matching.received([arrived.answerId, 'unknown']);
  await world.env.advance(9_999);
  expect(world.undone).toEqual([]);
  await world.env.advance(1);
  expect(world.undone).toEqual(['a']);
  world.matching.received([lost.answerId]);
  await world.env.advance(60_000);
  expect(world.undone).toEqual(['a']);
});

test('an answer that could not be sent is undone at once, once; tracked tasks of completions too', async () => {
  const world = setUp();
  world.matching.offer([ref('a')]);
  const { answerId } = await world.matching.pollActivityTasks(input(), never);
  world.matching.undelivered(answerId);
  world.matching.undelivered(answerId);
  expect(world.undone).toEqual(['a']);
  const worker = input().worker;
  world.matching.track([{ ref: ref('eager'), claimId: 'c', worker, namespace: 'default' }]);
  await world.env.advance(15_000);
  expect(world.undone).toEqual(['a', 'eager']);
});

test('a poll whose call breaks while its tasks are claimed gives them back', async () => {
  const world = setUp();
  const gate = Promise.withResolvers<void>();
  world.gate = gate.promise;
  world.matching.offer([ref('a'), ref('b')]);
  const abort = new AbortController();
  world.answer = (claim) => (claim.ref.runId === 'b' ? { kind: 'gone' } : task(claim));
  const answer = world.matching.pollActivityTasks(input(), abort.signal);
  await world.env.settle();
  abort.abort();
  expect(await answer).toEqual({ answerId: '', tasks: [] });
  gate.resolve();
  await world.env.settle();
  expect(world.undone).toEqual(['a']);
  expect(world.matching.describeQueue('activity', 'n', 'q').pollers).toBe(0);
});

test('a poll whose call breaks while it waits takes nothing any more', async () => {
  const world = setUp();
  const abort = new AbortController();
  const broken = world.matching.pollActivityTasks(input(), abort.signal);
  abort.abort();
  await broken;
  world.matching.offer([ref('a')]);
  await world.env.settle();
  expect(world.claimed).toEqual([]);
  expect(names(await world.matching.pollActivityTasks(input(), never))).toEqual(['a']);
  expect(await world.matching.pollActivityTasks(input(), AbortSignal.abort())).toEqual({ answerId: '', tasks: [] });
});

test('claims that fail are undone, and the poll hears why', async () => {
  const world = setUp();
  world.gate = Promise.reject(new PerdureError('UNAVAILABLE', 'no'));
  world.matching.offer([ref('a')]);
  await expect(world.matching.pollActivityTasks(input(), never)).rejects.toThrow('no');
  expect(world.undone).toEqual(['a']);
});

test('R-MATCH-5: an answer holds about 1 MiB; the rest goes back, a larger task goes alone', async () => {
  const world = setUp();
  world.answer = (claim) => task(claim, claim.ref.runId === 'huge' ? 3_000_000 : 400_000);
  world.matching.offer([ref('a'), ref('b'), ref('c')]);
  expect(names(await world.matching.pollActivityTasks(input(), never))).toEqual(['a', 'b']);
  expect(world.undone).toEqual(['c']);
  world.matching.offer([ref('huge')]);
  expect(names(await world.matching.pollActivityTasks(input(), never))).toEqual(['huge']);
});

test('history hears of room when half of the window is free, and only when it kept something back', async () => {
  const world = setUp();
  const refs = Array.from({ length: 1_200 }, (_, index) => ref(`r${index}`, { dueAt: index }));
  expect(world.matching.offer(refs)).toBe(1_000);
  await world.matching.pollActivityTasks(input({ maxTasks: 499 }), never);
  expect(world.wanted).toEqual([]);
  await world.matching.pollActivityTasks(input({ maxTasks: 10 }), never);
  expect(world.wanted).toEqual([509]);
  await world.matching.pollActivityTasks(input({ maxTasks: 1_000 }), never);
  expect(world.wanted).toEqual([509]);
});

test('a backlog far larger than the window is handed out to the end, also when offers come late', async () => {
  const world = setUp();
  const rest = Array.from({ length: 5_000 }, (_, index) => ref(`r${index}`, { dueAt: index }));
  // As a history elsewhere does it: asked for some, it sends that many later.
  world.want = (count) => void Promise.resolve().then(() => world.matching.offer(rest.splice(0, count)));
  rest.splice(0, world.matching.offer(rest));
  const got = new Set<string>();
  for (let empty = 0; empty < 2; ) {
    const answer = world.matching.pollActivityTasks(input({ maxTasks: 300, waitMs: 1_000 }), never);
    await world.env.advance(1_000);
    for (const name of names(await answer)) got.add(name);
    empty = (await answer).tasks.length === 0 ? empty + 1 : 0;
  }
  expect(got.size).toBe(5_000);
});

test('what history keeps back by mistake is asked for while polls wait', async () => {
  const world = setUp();
  world.want = () => world.matching.offer([ref('forgotten')]);
  const answer = world.matching.pollActivityTasks(input(), never);
  await world.env.advance(15_000);
  expect(names(await answer)).toEqual(['forgotten']);
});

test('an offer larger than the window reaches the polls that wait', async () => {
  const world = setUp();
  const polls = [1, 2].map(() => world.matching.pollActivityTasks(input({ maxTasks: 800 }), never));
  const refs = Array.from({ length: 2_600 }, (_, index) => ref(`r${index}`, { dueAt: index }));
  // The first poll takes all it may of a full window, the second the rest of it, and then there is room for one more window.
  expect(world.matching.offer(refs)).toBe(2_000);
  expect((await Promise.all(polls)).map((answer) => answer.tasks.length)).toEqual([800, 200]);
  expect(world.matching.describeQueue('activity', 'n', 'q').backlog).toBe(1_000);
});

test('sticky tasks wait 2 s for their worker and then go to another that polls', async () => {
  const world = setUp();
  const more = { kind: 'workflow', stickyWorkerId: 'worker' } as const;
  world.answer = (claim) => ({ kind: 'workflow', task: { token: claim.ref.runId, history: [], queries: [] } }) as unknown as ClaimAnswer;
  await world.matching.pollWorkflowTasks(input({ waitMs: 0 }), never);
  expect(world.matching.isStickyLive('n', 'q', 'worker')).toBe(true);
  world.matching.offer([ref('kept', more)]);
  const other = world.matching.pollWorkflowTasks(input({}, 'other'), never);
  await world.env.advance(1_999);
  expect(world.claimed).toEqual([]);
  await world.env.advance(1);
  expect((await other).tasks).toHaveLength(1);
  expect(world.matching.isStickyLive('n', 'q', 'worker')).toBe(false);
});

test('a worker that shuts down gets empty answers at once, its tasks go to others', async () => {
  const world = setUp();
  const [workflows, activities] = [world.matching.pollWorkflowTasks(input(), never), world.matching.pollActivityTasks(input(), never)];
  world.matching.shutdownWorker('n', 'q', 'worker');
  expect([await workflows, await activities]).toEqual([
    { answerId: '', tasks: [] },
    { answerId: '', tasks: [] },
  ]);
  expect(world.matching.isStickyLive('n', 'q', 'worker')).toBe(false);
});

test('closing answers all waiting polls empty, refuses later ones and leaves no timer', async () => {
  const world = setUp();
  world.matching.offer([ref('a')]);
  await world.matching.pollActivityTasks(input(), never);
  const waiting = [1, 2, 3].map(() => world.matching.pollActivityTasks(input(), never));
  await world.env.settle();
  world.matching.close();
  expect((await Promise.all(waiting)).map(names)).toEqual([[], [], []]);
  await expect(world.matching.pollActivityTasks(input(), never)).rejects.toMatchObject({ reason: 'UNAVAILABLE' });
  expect(world.matching.offer([ref('b')])).toBe(0);
  expect(world.env.timers()).toBe(0);
});

test('the number of waiting polls is bounded', async () => {
  const world = setUp(100);
  const waiting = Array.from({ length: 100 }, () => world.matching.pollActivityTasks(input(), new AbortController().signal));
  await expect(world.matching.pollActivityTasks(input(), never)).rejects.toMatchObject({ reason: 'OVERLOADED', retryAfterMs: 1_000 });
  world.matching.close();
  await Promise.all(waiting);
});

test('queues that nobody uses are forgotten', async () => {
  const world = setUp();
  await world.matching.pollActivityTasks(input({ waitMs: 0 }), never);
  await world.env.advance(200_000);
  expect(world.matching.describeQueue('activity', 'n', 'q').lastPollAt).not.toBe(0);
  await world.env.advance(200_000);
  expect(world.matching.describeQueue('activity', 'n', 'q').lastPollAt).toBe(0);
  expect(world.env.timers()).toBe(0);
});

test('history hears of the first poll of a worker on a queue of workflow tasks', async () => {
  const world = setUp();
  const poll = (queue: string, workerId: string) => world.matching.pollWorkflowTasks(input({ queue, waitMs: 0 }, workerId), never);
  await poll('q', 'a');
  await poll('q', 'a');
  await poll('q', 'b');
  await poll('other', 'a');
  await world.matching.pollActivityTasks(input({ waitMs: 0 }, 'c'), never);
  expect(world.newcomers).toEqual(['q a', 'q b', 'other a']);
});
