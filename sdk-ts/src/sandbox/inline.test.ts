// The engine's first path: code runs, waits, is replayed, answers.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { engineFor } from '../../test/support/engine.ts';
import { createRunLog, lines } from '../../test/support/run-log.ts';
import type { WorkflowEngine } from '../worker/engine.ts';

let engine: WorkflowEngine;
beforeAll(async () => {
  engine = await engineFor('basic.ts');
});
afterAll(() => engine.close());

test('a workflow calls an activity and completes with its result', async () => {
  const log = createRunLog('hello', ['Ada']);
  expect(lines(await log.run(engine))).toEqual(['activity 1 greet("Ada")']);
  log.completeActivity(1, 'Hello, Ada');
  expect(lines(await log.run(engine))).toEqual(['complete "Hello, Ada"']);
});

test('an evicted run is replayed from its log', async () => {
  const log = createRunLog('napping');
  expect(lines(await log.run(engine))).toEqual(['timer 1 30000']);
  engine.evict(log.runId);
  log.fire(1);
  expect((await engine.activate(log.task())).kind).toBe('needHistory');
  expect(lines(await log.run(engine))).toEqual(['complete "2026-01-01T00:00:00.021Z"']);
});

test('signals reach handlers, queries read', async () => {
  const log = createRunLog('summing', [3]);
  await log.run(engine);
  log.signal('add', 1);
  await log.run(engine);
  expect(await log.query(engine, 'total')).toBe(1);
  log.signal('add', 2);
  expect(lines(await log.run(engine))).toEqual(['complete 3']);
  expect(await log.query(engine, 'total')).toBe(3);
});
