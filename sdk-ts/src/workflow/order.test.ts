// Live equals replay where the difference would be small: draws, the order in which conditions wake, the names of steps.

import { History } from '@perdure/proto/perdure/api/v1/event';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { engineFor } from '../../test/support/engine.ts';
import { createRunLog, lines, type RunLog } from '../../test/support/run-log.ts';
import type { WorkflowEngine } from '../worker/engine.ts';

let engine: WorkflowEngine;
beforeAll(async () => {
  engine = await engineFor('order.ts');
}, 20_000);
afterAll(() => engine.close());

/** The result of `draws`; `between` happens before each task but the first. */
async function drawn(runId: string, between: (log: RunLog) => unknown): Promise<string[]> {
  const log = createRunLog('draws', [], runId);
  let completion = await log.run(engine);
  for (let timer = 1; timer <= 3; timer += 1) {
    await between(log);
    log.fire(timer);
    completion = await log.run(engine);
  }
  engine.evict(runId);
  return lines(completion);
}

test('R-REPLAY-1: draws of later activations are the same from the cache and from the log, and all different', async () => {
  const cached = await drawn('same-seed', () => {});
  const replayed = await drawn('same-seed', (log) => engine.evict(log.runId));
  expect(replayed).toEqual(cached);
  const numbers = JSON.parse((cached[0] ?? '').replace(/^complete /, '')) as number[];
  expect(new Set(numbers).size).toBe(3);
});

test('R-QUERY-1: a query that draws does not change what the run draws', async () => {
  const asked = await drawn('same-seed', (log) => log.query(engine, 'draw'));
  expect(asked).toEqual(await drawn('same-seed', () => {}));
});

test('R-REPLAY-2: conditions that come true together wake in the order they were awaited', async () => {
  const log = createRunLog('twoWait');
  await log.run(engine);
  log.signal('go');
  expect(lines(await log.run(engine))).toEqual(['complete ["first","second","third"]']);
});

test('R-REPLAY-4: another activity under the same number is a difference', async () => {
  const log = createRunLog('charging');
  await log.run(engine);
  log.completeActivity(1);
  const task = log.task({ full: true });
  const { events } = History.decode(task.history);
  const first = events[0]?.attributes;
  if (first?.$case === 'workflowStarted') first.value.workflowType = 'refunding';
  engine.evict(log.runId);
  const answer = await engine.activate({ ...task, workflowType: 'refunding', history: History.encode({ events }).finish() });
  expect(answer).toMatchObject({ kind: 'failed', failure: { info: { value: { type: 'NondeterminismError' } } } });
});
