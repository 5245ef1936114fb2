// Updates: taken and rejected live, replayed from the log. Each scenario runs twice: with the run in the cache, and from the first event.
import type { WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineFor } from '../../test/support/engine.ts';
import { createRunLog, lines, type RunLog } from '../../test/support/run-log.ts';
import type { WorkflowEngine } from '../worker/engine.ts';

let engine: WorkflowEngine;
beforeAll(async () => {
  engine = await engineFor('updates.ts');
});
afterAll(() => engine.close());

const rejected = ({ rejectedUpdates }: WorkflowTaskCompletion): string[] =>
  rejectedUpdates.map(({ updateId, failure }) => `${updateId}: ${failure?.message}`);

describe.each([
  ['in the cache', false],
  ['replayed', true],
])('%s', (_, evict) => {
  const next = async (run: RunLog): Promise<{ commands: string[]; rejected: string[] }> => {
    if (evict) engine.evict(run.runId);
    const completion = await run.run(engine);
    return { commands: lines(completion), rejected: rejected(completion) };
  };
  const begin = async (type: string, ...args: unknown[]): Promise<RunLog> => {
    const run = createRunLog(type, args);
    await run.run(engine);
    return run;
  };

  test('R-UPDATE-1: accepted, done and answered in one task, or over several', async () => {
    const run = await begin('till');
    run.update('add', 'u1', 5);
    expect(await next(run)).toEqual({ commands: ['accept u1', 'answer u1 5'], rejected: [] });
    run.update('add', 'u2', 200);
    run.update('add', 'u3', 1);
    expect(await next(run)).toEqual({ commands: ['accept u2', 'activity 1 check()', 'accept u3', 'answer u3 206'], rejected: [] });
    run.completeActivity(1, null);
    run.signal('close');
    expect(await next(run)).toEqual({ commands: ['answer u2 206', 'complete ["add 5","add 200","add 1"]'], rejected: [] });
  });

  test('R-UPDATE-1: an update that comes with the first task finds the handlers that main sets', async () => {
    const run = createRunLog('till');
    run.update('add', 'u1', 5);
    expect(await next(run)).toEqual({ commands: ['accept u1', 'answer u1 5'], rejected: [] });
    run.signal('close');
    expect(await next(run)).toEqual({ commands: ['complete ["add 5"]'], rejected: [] });
  });

  test('R-UPDATE-2 R-UPDATE-10: what a validator refuses leaves no trace, neither in the log nor in what the code sees and draws', async () => {
    const draw = async (updates: number[]): Promise<unknown> => {
      const run = createRunLog('till', [], `draws-${evict}-${updates.length > 0}`);
      const start = run.events[0]?.attributes;
      if (start?.$case === 'workflowStarted') start.value.randomSeed = 'seed';
      await run.run(engine);
      for (const [n, amount] of updates.entries()) {
        const before = await run.query(engine, 'total');
        run.update('add', `no-${n}`, amount);
        const answer = await next(run);
        expect(answer.commands).toEqual([]);
        expect(answer.rejected).toHaveLength(1);
        expect(await run.query(engine, 'total')).toEqual(before);
      }
      run.update('slow', 'u', 10);
      await next(run);
      run.fire(1);
      const answered = await next(run);
      expect(run.events.filter(({ attributes }) => attributes?.$case === 'workflowTaskCompleted')).toHaveLength(3);
      return answered.commands;
    };
    expect(await draw([13, 14, 13])).toEqual(await draw([]));
  });

  test('R-UPDATE-10: rejected ones beside one that is accepted, and beside a signal', async () => {
    const run = await begin('till');
    run.update('add', 'no', 13);
    run.update('add', 'yes', 1);
    run.update('add', 'never', 14);
    const mixed = await next(run);
    expect(mixed.commands).toEqual(['accept yes', 'answer yes 1']);
    expect(mixed.rejected).toEqual(['no: unlucky', expect.stringContaining('sleep: not allowed in the validator of update add')]);
    run.update('add', 'no', 13);
    run.signal('close');
    expect(await next(run)).toEqual({ commands: ['complete ["add 1"]'], rejected: ['no: unlucky'] });
  });

  test('R-UPDATE-10: what a validator draws moves nothing, also when an activation is under way', async () => {
    const draw = async (amounts: number[]): Promise<unknown> => {
      const run = createRunLog('till', [], `beside-${evict}-${amounts.length}`);
      const start = run.events[0]?.attributes;
      if (start?.$case === 'workflowStarted') start.value.randomSeed = 'seed';
      await run.run(engine);
      run.update('slow', 'u', 10);
      for (const [n, amount] of amounts.entries()) run.update('add', `no-${n}`, amount);
      expect((await next(run)).rejected).toHaveLength(amounts.length);
      run.fire(1);
      return (await next(run)).commands;
    };
    expect(await draw([13, 13])).toEqual(await draw([]));
  });

  test('R-UPDATE-10: a replay calls no validator', async () => {
    const run = await begin('validated');
    run.update('add', 'u1', 1);
    await next(run);
    run.update('add', 'u2', 2);
    await next(run);
    // The second one was asked live; with the cache the first was too.
    expect(await run.query(engine, 'total')).toEqual([evict ? 1 : 2]);
    engine.evict(run.runId);
    expect(await run.query(engine, 'total')).toEqual([0]);
  });

  test('an update without a handler waits within its activation; then it is rejected and names what is known', async () => {
    const run = await begin('late');
    run.update('add', 'u1', 1);
    expect(await next(run)).toEqual({ commands: [], rejected: ['u1: no handler for update "add" (known: none)'] });
    run.update('other', 'u2');
    run.update('add', 'u3', 3);
    run.signal('close');
    expect(await next(run)).toEqual({
      commands: ['accept u3', 'answer u3 3', 'complete "added 3"'],
      rejected: ['u2: no handler for update "other" (known: add)'],
    });
  });

  test('R-SWS-1: one that comes with the first task is handed to the handler that main sets', async () => {
    const run = createRunLog('till');
    run.update('add', 'no', 13);
    run.update('add', 'u1', 5);
    expect(await next(run)).toEqual({ commands: ['accept u1', 'answer u1 5'], rejected: ['no: unlucky'] });
    run.signal('close');
    expect((await next(run)).commands).toEqual(['complete ["add 5"]']);
  });

  test('R-RESET-6 R-UPDATE-10: what a fork asks again is no reason to skip its activation', async () => {
    const base = await begin('till');
    const drawn = async (rejects: boolean): Promise<unknown> => {
      const fork = base.fork(2, 'fork');
      if (rejects) {
        fork.update('add', 'no', 13);
        expect((await next(fork)).rejected).toEqual(['no: unlucky']);
        // The fork is in the log as seen, so its activation has run.
        expect(fork.events.at(-1)?.attributes?.$case).toBe('workflowTaskCompleted');
        const live = await fork.query(engine, 'total');
        engine.evict(fork.runId);
        expect(await fork.query(engine, 'total')).toEqual(live);
      }
      fork.update('slow', 'u', 10);
      await next(fork);
      fork.fire(1);
      const { commands } = await next(fork);
      engine.evict(fork.runId);
      return commands;
    };
    expect(await drawn(true)).toEqual(await drawn(false));
  });

  test('R-UPDATE-11: a failure is the answer, anything else fails the task', async () => {
    const run = await begin('throwing');
    run.update('throw', 'u1', 'failure');
    expect((await next(run)).commands).toEqual(['accept u1', 'timer 1 1']);
    run.fire(1);
    expect((await next(run)).commands).toEqual(['fail u1: no']);
    run.update('asyncValidator', 'u2');
    expect((await next(run)).rejected).toEqual(['u2: update asyncValidator: the validator must be synchronous']);
    run.update('throw', 'u3', 'mistake');
    expect((await next(run)).commands).toEqual(['accept u3', 'timer 2 1']);
    run.fire(2);
    await expect(run.run(engine)).rejects.toThrow('a mistake');
  });

  test('what has no JSON form fails the task', async () => {
    const run = await begin('throwing');
    run.update('bigint', 'u1');
    await expect(run.run(engine)).rejects.toThrow('answer of update bigint');
  });

  test('one handler for any name, with its validator', async () => {
    const run = await begin('dynamic');
    run.update('one', 'u1', 1, 2);
    run.update('_two', 'u2');
    expect(await next(run)).toEqual({ commands: ['accept u1', 'answer u1 "one"'], rejected: ['u2: _two is private'] });
    run.update('three', 'u3');
    expect((await next(run)).commands).toEqual(['accept u3', 'answer u3 "three"', 'complete ["one(1, 2)","three()"]']);
  });

  test('R-UPDATE-9: the run waits for its handlers, and takes no more', async () => {
    const run = await begin('ends', true);
    run.update('slow', 'u1', 10);
    expect((await next(run)).commands).toEqual(['accept u1', 'timer 1 10']);
    run.update('slow', 'u2', 10);
    expect((await next(run)).rejected).toEqual(['u2: the workflow has ended and only waits for its handlers']);
    run.fire(1);
    expect((await next(run)).commands).toEqual(['answer u1 "slept"', 'complete "false"']);
  });

  test('R-UPDATE-9: unless it says otherwise', async () => {
    const run = await begin('ends', false);
    run.update('slow', 'u1', 10);
    expect((await next(run)).commands).toEqual(['accept u1', 'timer 1 10', 'complete "false"']);
  });

  test('after a failed attempt there is an activation also when all are rejected', async () => {
    const run = await begin('till');
    run.update('add', 'no', 13);
    if (evict) engine.evict(run.runId);
    const completion = await run.run(engine, { attempt: 2 });
    expect([lines(completion), rejected(completion)]).toEqual([[], ['no: unlucky']]);
    run.signal('close');
    expect((await next(run)).commands).toEqual(['complete []']);
  });
});

test('another update than the recorded one is a difference', async () => {
  const run = createRunLog('till');
  await run.run(engine);
  run.update('add', 'u1', 5);
  await run.run(engine);
  const accepted = run.events.find(({ attributes }) => attributes?.$case === 'updateAccepted')?.attributes;
  if (accepted?.$case === 'updateAccepted' && accepted.value.request) accepted.value.request.updateName = 'gone';
  engine.evict(run.runId);
  run.signal('close');
  await expect(run.run(engine)).rejects.toThrow('accept update u1 (gone)');
});
