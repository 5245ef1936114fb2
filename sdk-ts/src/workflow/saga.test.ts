// Scopes and sagas as workflow code uses them, live and replayed.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineFor } from '../../test/support/engine.ts';
import { createRunLog, lines, type RunLog } from '../../test/support/run-log.ts';
import { ApplicationFailure } from '../common/failure.ts';
import type { WorkflowEngine } from '../worker/engine.ts';

let engine: WorkflowEngine;
beforeAll(async () => {
  engine = await engineFor('scopes.ts');
}, 20_000);
afterAll(async () => {
  await engine.close();
});

const run = async (log: RunLog): Promise<string[]> => {
  // The other way is what the random scripts of the replay property do.
  engine.evict(log.runId);
  return lines(await log.run(engine));
};

async function started(type: string, ...args: unknown[]): Promise<RunLog> {
  const log = createRunLog(type, args);
  await log.run(engine);
  return log;
}

describe('scopes', () => {
  test('R-SCOPE-1, R-SCOPE-2: what waits in a scope ends with its reason; what is around it and what is protected goes on', async () => {
    const log = await started('reasons');
    log.signal('stop');
    expect(await run(log)).toEqual(['cancel timer 1', 'cancel timer 2', 'cancel activity 2', 'cancel timer 3']);
    expect(await log.query(engine, 'requested')).toEqual([true, false]);
    log.fire(4);
    log.completeActivity(1, 'done');
    const ends = ['too late', 'too late', 'too late', 'too late', 'too late', 'too late'];
    expect(await run(log)).toEqual([
      `complete ${JSON.stringify({ same: true, ends, kept: false, around: 'done', outer: false, root: true })}`,
    ]);
  });

  test('R-SCOPE-3: a step in a cancelled scope fails at once and asks for nothing', async () => {
    expect(await run(createRunLog('nothingBegins'))).toEqual(['complete [true,true,true,true,true,true]']);
  });

  test('a workflow that cancels its outermost scope ends as cancelled', async () => {
    expect(await run(createRunLog('cancelsItself'))).toEqual(['cancel']);
  });
});

describe('sagas', () => {
  /** Books flight and hotel. */
  async function half(parallel: boolean): Promise<RunLog> {
    const log = await started('trip', parallel);
    log.completeActivity(1);
    await run(log);
    return log;
  }
  const full = ApplicationFailure.nonRetryable('no rooms', 'Full');

  test('R-SCOPE-4: compensations run one after the other, the last first, then the error goes on', async () => {
    const log = await half(false);
    log.failActivity(2, full);
    expect(await run(log)).toEqual(['activity 3 work("cancel hotel")']);
    log.completeActivity(3);
    expect(await run(log)).toEqual(['activity 4 work("cancel flight")']);
    log.completeActivity(4);
    expect(await run(log)).toEqual(['fail activity activity work failed: no rooms']);
  });

  test('R-SCOPE-4: or all at once', async () => {
    const log = await half(true);
    log.failActivity(2, full);
    expect(await run(log)).toEqual(['activity 3 work("cancel hotel")', 'activity 4 work("cancel flight")']);
  });

  test('R-SCOPE-4: a cancelled saga compensates, also when it is cancelled while it does, and ends as cancelled', async () => {
    const log = await half(false);
    log.cancel();
    expect(await run(log)).toEqual(['cancel activity 2', 'activity 3 work("cancel hotel")']);
    log.completeActivity(3);
    log.cancel('again');
    expect(await run(log)).toEqual(['activity 4 work("cancel flight")']);
    log.completeActivity(4);
    expect(await run(log)).toEqual(['cancel']);
  });

  test('R-SCOPE-4: all are tried, and what failed is told', async () => {
    for (const parallel of [false, true]) {
      const log = await half(parallel);
      log.failActivity(2, full);
      await run(log);
      log.failActivity(3, ApplicationFailure.nonRetryable('hotel is closed'));
      if (!parallel) await run(log);
      log.completeActivity(4);
      const [line] = await run(log);
      expect(line).toBe(
        'fail application activity work failed: no rooms; then 1 of 2 compensations failed: activity work failed: hotel is closed',
      );
      const close = log.events.at(-1)?.attributes;
      if (close?.$case !== 'workflowFailed') throw new Error('unreachable');
      expect(close.value.failure?.info).toMatchObject({ value: { type: 'CompensationFailed', nonRetryable: true } });
      expect(close.value.failure?.cause?.cause?.message).toBe('no rooms');
    }
  });

  test('R-SCOPE-4: a mistake in the code fails the task and compensates nothing', async () => {
    const log = await started('trip', false, true);
    log.completeActivity(1);
    expect(await engine.activate(log.task({ full: true }))).toMatchObject({
      kind: 'failed',
      failure: { message: 'a mistake in the code' },
    });
    const undo = createRunLog('brokenUndo');
    await run(undo);
    undo.completeActivity(1);
    expect(await engine.activate(undo.task({ full: true }))).toMatchObject({
      kind: 'failed',
      failure: { message: 'a mistake in the code' },
    });
  });
});
