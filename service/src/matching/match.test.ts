/** Properties of matching on random histories, and its rules one by one. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TaskRef } from '../roles.ts';
import {
  addPoll,
  backlog,
  createQueue,
  endPoll,
  flush,
  forgetWorkers,
  isStickyLive,
  offer,
  type Poll,
  type Queue,
  resumePoll,
  STICKY_GRACE_MS,
  shutdownWorker,
  tick,
  WINDOW,
} from './match.ts';

function ref(runId: string, dueAt: number, stickyWorkerId = '', attempt = 1): TaskRef {
  return { kind: 'workflow', namespaceId: 'n', queue: 'q', workflowId: `w-${runId}`, runId, number: 0, attempt, dueAt, stickyWorkerId };
}

let polls = 0;
function poll(workerId: string, maxTasks = 10, stickyOnly = false): Poll {
  return { workerId, maxTasks, stickyOnly, age: 0, order: polls++, state: 'waiting', inCommon: false, inOwn: false };
}

const ids = (refs: readonly TaskRef[]): string[] => refs.map((one) => one.runId);

test('R-MATCH-3: tasks leave oldest first, whatever the order they came in', () => {
  const queue = createQueue();
  for (const dueAt of [5, 1, 4, 1, 3, 2]) offer(queue, ref(`r${dueAt}-${backlog(queue)}`, dueAt), 0);
  expect(ids(addPoll(queue, poll('a', 4)))).toEqual(['r1-1', 'r1-3', 'r2-5', 'r3-4']);
  expect(ids(addPoll(queue, poll('a')))).toEqual(['r4-2', 'r5-0']);
});

test('polls are served oldest first, a poll that got nothing keeps its place', () => {
  const queue = createQueue();
  const [one, two] = [poll('a', 1), poll('b', 1)];
  expect([addPoll(queue, one), addPoll(queue, two)]).toEqual([[], []]);
  offer(queue, ref('r1', 1), 0);
  expect(flush(queue).map((match) => match.poll)).toEqual([one]);
  expect(resumePoll(queue, one)).toEqual([]);
  offer(queue, ref('r2', 1), 0);
  offer(queue, ref('r3', 1), 0);
  offer(queue, ref('r4', 1), 0);
  expect(flush(queue).map((match) => [match.poll.order, ids(match.refs)])).toEqual([
    [one.order, ['r2']],
    [two.order, ['r3']],
  ]);
  expect(backlog(queue)).toBe(1);
});

test('a poll serves the common line and its own in one answer; sticky-only polls take nothing else', () => {
  const queue = createQueue();
  const before = poll('a');
  addPoll(queue, before);
  endPoll(queue, before, 0, true);
  offer(queue, ref('kept', 2, 'a'), 1);
  offer(queue, ref('common', 1), 1);
  offer(queue, ref('later', 3), 1);
  expect(ids(addPoll(queue, poll('b', 1)))).toEqual(['common']);
  expect(ids(addPoll(queue, poll('a', 10, true)))).toEqual(['kept']);
  offer(queue, ref('kept2', 4, 'a'), 1);
  expect(ids(addPoll(queue, poll('a')))).toEqual(['later', 'kept2']);
});

test('R-MATCH-4: a worker without poll keeps its tasks for 2 s after its last answer, then they go to others', () => {
  const queue = createQueue();
  const before = poll('a');
  addPoll(queue, before);
  endPoll(queue, before, 1_000, true);
  offer(queue, ref('kept', 1, 'a'), 1_500);
  addPoll(queue, poll('b'));
  tick(queue, 1_000 + STICKY_GRACE_MS - 1);
  expect(flush(queue)).toEqual([]);
  expect(queue.tickAt).toBe(1_000 + STICKY_GRACE_MS);
  tick(queue, queue.tickAt);
  expect(flush(queue).flatMap((match) => ids(match.refs))).toEqual(['kept']);
  expect(queue.tickAt).toBe(Number.POSITIVE_INFINITY);
});

test('a worker that shut down keeps nothing, also when a poll of it comes late; its waiting polls end', () => {
  const queue = createQueue();
  const serving = poll('a', 1);
  addPoll(queue, serving);
  offer(queue, ref('r1', 1), 0);
  flush(queue);
  offer(queue, ref('kept', 1, 'a'), 0);
  const waiting = poll('c');
  expect(addPoll(queue, waiting)).toEqual([]);
  expect(shutdownWorker(queue, 'a', 10)).toEqual([]);
  expect(flush(queue).flatMap((match) => ids(match.refs))).toEqual(['kept']);
  expect(isStickyLive(queue, 'a', 10)).toBe(false);
  const late = poll('a');
  addPoll(queue, late);
  expect(isStickyLive(queue, 'a', 11)).toBe(false);
  expect(shutdownWorker(queue, 'a', 12)).toEqual([late]);
});

test('a broken poll counts for nothing: what was kept for its worker is due to move at once', () => {
  const queue = createQueue();
  const serving = poll('a', 1);
  addPoll(queue, serving);
  offer(queue, ref('r1', 1), 5);
  flush(queue);
  offer(queue, ref('kept', 1, 'a'), 5);
  endPoll(queue, serving, 7, false);
  expect(queue.tickAt).toBe(7);
  tick(queue, 7);
  expect(ids(addPoll(queue, poll('b')))).toEqual(['kept']);
});

test('the window is bounded, an offer of what waits already is no second task', () => {
  const queue = createQueue();
  for (let i = 0; i < WINDOW; i++) expect(offer(queue, ref(`r${i}`, i), 0)).toBe(true);
  expect([offer(queue, ref('r7', 7), 0), queue.starved]).toEqual([true, false]);
  expect([offer(queue, ref('more', 0), 0), queue.starved]).toEqual([false, true]);
  expect([backlog(queue), addPoll(queue, poll('a', 2_000)).length]).toEqual([WINDOW, WINDOW]);
});

test('workers that went away are forgotten', () => {
  const queue = createQueue();
  for (let i = 0; i < 100; i++) {
    const one = poll(`w${i}`);
    addPoll(queue, one);
    endPoll(queue, one, 0, true);
  }
  expect([forgetWorkers(queue, 9_999), queue.workers.size]).toEqual([false, 100]);
  expect([forgetWorkers(queue, 10_000), queue.workers.size]).toEqual([true, 0]);
});

test('lines do not grow with polls that come and go behind one that stays', () => {
  const queue = createQueue();
  addPoll(queue, poll('stays'));
  for (let i = 0; i < 10_000; i++) {
    const one = poll('a');
    addPoll(queue, one);
    endPoll(queue, one, i, false);
  }
  expect(queue.polls.items.length).toBeLessThan(100);
  expect(queue.workers.get('a')?.polls.items.length ?? 0).toBeLessThan(100);
});

interface World {
  readonly queue: Queue<Poll>;
  readonly taken: Map<string, TaskRef>;
  readonly given: Set<string>;
  readonly open: Poll[];
  now: number;
}

function give(world: World, one: Poll, refs: readonly TaskRef[]): void {
  expect(one.state).toBe(refs.length > 0 ? 'serving' : 'waiting');
  expect(refs.length).toBeLessThanOrEqual(one.maxTasks);
  for (const [index, task] of refs.entries()) {
    expect(world.given.has(task.runId), `${task.runId} given twice`).toBe(false);
    world.given.add(task.runId);
    expect(task.dueAt).toBeGreaterThanOrEqual(refs[index - 1]?.dueAt ?? 0);
    if (one.stickyOnly) expect(task.stickyWorkerId).toBe(one.workerId);
  }
  // Nothing older is left in the common line when the poll could have taken it.
  const left = world.queue.refs.items[world.queue.refs.head];
  if (left !== undefined && !one.stickyOnly && refs.length > 0) expect(left.age).toBeGreaterThanOrEqual(refs.at(-1)?.dueAt ?? 0);
}

function flushWorld(world: World): void {
  const oldest = world.open.filter((one) => one.state === 'waiting' && !one.stickyOnly).sort((a, b) => a.order - b.order)[0];
  const hadCommon = world.queue.refs.items.length > world.queue.refs.head;
  const matches = flush(world.queue);
  if (hadCommon && oldest !== undefined) expect(matches[0]?.poll).toBe(oldest);
  for (const match of matches) give(world, match.poll, match.refs);
  const common = world.queue.refs.items.length > world.queue.refs.head;
  for (const one of world.open.filter((other) => other.state === 'waiting')) {
    if (!one.stickyOnly) expect(common).toBe(false);
    const worker = world.queue.workers.get(one.workerId);
    expect(worker?.refs.items.length).toBe(worker?.refs.head);
  }
}

const step = fc.oneof(
  fc.record({
    kind: fc.constant('offer' as const),
    dueAts: fc.array(fc.nat(20), { maxLength: 8 }),
    worker: fc.constantFrom('', 'a', 'b', 'c'),
  }),
  fc.record({
    kind: fc.constant('poll' as const),
    worker: fc.constantFrom('a', 'b', 'c'),
    max: fc.integer({ min: 1, max: 5 }),
    sticky: fc.boolean(),
  }),
  fc.record({ kind: fc.constantFrom('end' as const, 'break' as const, 'resume' as const), index: fc.nat(20) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(3_000) }),
  fc.record({ kind: fc.constant('shutdown' as const), worker: fc.constantFrom('a', 'b', 'c') }),
);

function apply(world: World, action: typeof step extends fc.Arbitrary<infer T> ? T : never): void {
  const { queue } = world;
  switch (action.kind) {
    case 'offer':
      for (const dueAt of action.dueAts) {
        const task = ref(`r${world.taken.size}`, dueAt, action.worker);
        if (offer(queue, task, world.now)) world.taken.set(task.runId, task);
      }
      return;
    case 'poll': {
      const one = poll(action.worker, action.max, action.sticky);
      world.open.push(one);
      give(world, one, addPoll(queue, one));
      return;
    }
    case 'wait':
      world.now += action.ms;
      return;
    case 'shutdown':
      shutdownWorker(queue, action.worker, world.now);
      return;
    case 'end':
    case 'break':
    case 'resume': {
      const candidates = world.open.filter((one) => (action.kind === 'resume' ? one.state === 'serving' : one.state !== 'ended'));
      const one = candidates[action.index % Math.max(1, candidates.length)];
      if (one === undefined) return;
      if (action.kind === 'resume') give(world, one, resumePoll(queue, one));
      else endPoll(queue, one, world.now, action.kind === 'end');
    }
  }
}

test('R-MATCH-1 R-MATCH-2: on random histories nothing is lost, nothing given twice, and nothing that fits waits', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (actions) => {
      const world: World = { queue: createQueue(), taken: new Map(), given: new Set(), open: [], now: 0 };
      for (const action of actions) {
        apply(world, action);
        if (world.queue.tickAt <= world.now) tick(world.queue, world.now);
        flushWorld(world);
        expect(world.given.size + backlog(world.queue)).toBe(world.taken.size);
        expect(world.queue.open).toBe(world.open.filter((one) => one.state !== 'ended').length);
      }
      // Whoever polls long after gets all that is left, also what was kept for others.
      for (const one of world.open) endPoll(world.queue, one, world.now, true);
      world.now += STICKY_GRACE_MS;
      tick(world.queue, world.now);
      const last = poll('z', 10_000);
      give(world, last, addPoll(world.queue, last));
      expect(world.given.size).toBe(world.taken.size);
      expect(forgetWorkers(world.queue, world.now + 10_000)).toBe(false);
      endPoll(world.queue, last, world.now, false);
      expect(forgetWorkers(world.queue, world.now + 10_000)).toBe(true);
    }),
    { numRuns: 200 },
  );
});
