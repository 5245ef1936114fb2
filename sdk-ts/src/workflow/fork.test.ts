// A fork: the code is the base run until it sees WorkflowForked, then a run of its own.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { engineFor } from '../../test/support/engine.ts';
import { createRunLog, lines, type RunLog } from '../../test/support/run-log.ts';
import type { WorkflowEngine } from '../worker/engine.ts';

let engine: WorkflowEngine;
beforeAll(async () => {
  engine = await engineFor('fork.ts');
}, 20_000);
afterAll(() => engine.close());

/** A run after two draws. 1 start, 2 C, 3 activity, 4 its end, 5 signal, 6 C, 7 activity. */
async function drawn(): Promise<RunLog> {
  const log = createRunLog('drawing');
  await log.run(engine);
  log.completeActivity(1);
  log.signal('go');
  await log.run(engine);
  return log;
}

const draws = async (log: RunLog): Promise<string[]> => lines(await log.run(engine));

test('R-RESET-6: a fork tells its own id and draws other numbers from where it sees that it is one', async () => {
  const log = await drawn();
  const fork = log.fork(7, 'fork-a');
  fork.completeActivity(2);
  fork.signal('go');
  const [line] = await draws(fork);
  expect(line).toMatch(/^activity 3 tell\("fork-a", 0\.\d+\)$/);
  log.completeActivity(2);
  log.signal('go');
  const [own] = await draws(log);
  expect(own).toContain(`"${log.runId}"`);
  expect(own?.split(', ')[1]).not.toBe(line?.split(', ')[1]);
});

test('R-RESET-6: what the copy holds is replayed with the id and the numbers of the base run, also without a cache', async () => {
  const log = await drawn();
  const fork = log.fork(7, 'fork-b');
  fork.completeActivity(2);
  fork.signal('go');
  await draws(fork);
  const cached = fork.events.length;
  engine.evict(fork.runId);
  fork.completeActivity(3);
  fork.signal('go');
  const [line] = await draws(fork);
  expect(line).toMatch(/^activity 4 tell\("fork-b", 0\.\d+\)$/);
  expect(fork.events.length).toBeGreaterThan(cached);
  // A fork of a fork, from before the first one.
  const again = fork.fork(4, 'fork-c');
  again.signal('go');
  expect((await draws(again))[0]).toMatch(/^activity 2 tell\("fork-c"/);
});

test('R-RESET-6: a fork from the first task is its own run from the beginning', async () => {
  const log = await drawn();
  const fork = log.fork(1, 'fork-d');
  const [line] = await draws(fork);
  expect(line).toMatch(/^activity 1 tell\("fork-d", 0\.\d+\)$/);
});

test('R-RESET-6: base run and fork are held side by side, each as itself', async () => {
  const log = await drawn();
  const fork = log.fork(7, 'fork-e');
  fork.completeActivity(2);
  await draws(fork);
  log.completeActivity(2);
  await draws(log);
  fork.signal('go');
  log.signal('go');
  // Neither is asked for its history again.
  expect((await engine.activate(fork.task())).kind).toBe('completed');
  expect((await engine.activate(log.task())).kind).toBe('completed');
});
