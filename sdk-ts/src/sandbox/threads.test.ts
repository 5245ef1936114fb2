// Workflow code in worker threads: the same answers as on one thread, and threads that are stuck do not stop the rest.

import { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixture } from '../../test/support/engine.ts';
import { createRunLog, lines } from '../../test/support/run-log.ts';
import type { WorkflowEngine } from '../worker/engine.ts';
import { bundleWorkflows } from './bundle.ts';
import { createThreadEngine } from './threads.ts';

let engine: WorkflowEngine;
const logged: string[] = [];
beforeAll(async () => {
  const bundle = await bundleWorkflows([fixture('basic.ts'), fixture('bad.ts')]);
  const log = (_level: string, message: string): void => void logged.push(message);
  engine = await createThreadEngine({ bundle, namespace: 'default', taskQueue: 'q', patience: { warnMs: 500, failMs: 1_500 }, log });
}, 20_000);
afterAll(() => engine.close());

test('workflows run, wait and are cached in the thread', async () => {
  expect(engine.workflowTypes).toContain('hello');
  const logs = Array.from({ length: 20 }, (_, at) => createRunLog('hello', [`n${at}`]));
  await Promise.all(logs.map((log) => log.run(engine)));
  expect(engine.cachedRuns()).toBe(20);
  for (const log of logs) log.completeActivity(1, 'ok');
  const done = await Promise.all(logs.map((log) => log.run(engine)));
  expect(done.map(lines)).toEqual(logs.map(() => ['complete "ok"']));
});

test('R-SANDBOX-5: a workflow that blocks fails its task with the place, and the others go on in a new thread', {
  timeout: 30_000,
}, async () => {
  const waiting = createRunLog('summing', [1]);
  await waiting.run(engine);
  const stuck = engine.activate(createRunLog('blocking').task());
  waiting.signal('add', 1);
  const other = waiting.run(engine);
  const answer = await stuck;
  expect(answer).toMatchObject({ kind: 'failed', cause: WorkflowTaskFailureCause.DEADLOCK });
  if (answer.kind !== 'failed') throw new Error('unreachable');
  expect(answer.failure.stackTrace).toMatch(/blocking \(.*bad\.ts:\d+:\d+\)/);
  expect(logged.join('\n')).toContain('blocked its thread');
  expect(lines(await other)).toEqual(['complete 1']);
});

test('R-SANDBOX-5: code that waits for what is always true holds its thread like a loop, also among suspects', {
  timeout: 30_000,
}, async () => {
  for (const attempt of [1, 2]) {
    logged.length = 0;
    const answer = await engine.activate(createRunLog('spinning').task({ attempt }));
    expect(answer).toMatchObject({ kind: 'failed', cause: WorkflowTaskFailureCause.DEADLOCK });
    expect(logged.join('\n')).toContain('the code of workflow spinning blocked its thread');
  }
});

test('a second attempt runs among the suspects, where its time is limited', { timeout: 30_000 }, async () => {
  const log = createRunLog('blocking');
  const answer = await engine.activate(log.task({ attempt: 2 }));
  expect(answer).toMatchObject({ kind: 'failed', cause: WorkflowTaskFailureCause.DEADLOCK });
  const healthy = createRunLog('hello', ['x']);
  expect(lines(await healthy.run(engine, { attempt: 2 }))).toEqual(['activity 1 greet("x")']);
  healthy.completeActivity(1, 'y');
  // Back to the ordinary thread: there the run is not known, and the task is sent with its history.
  expect(lines(await healthy.run(engine))).toEqual(['complete "y"']);
});

test('a bundle that cannot be evaluated is refused with its place', async () => {
  const bundle = await bundleWorkflows(fixture('broken-module.ts'));
  const log = (): void => {};
  await expect(createThreadEngine({ bundle, namespace: 'default', taskQueue: 'q', log })).rejects.toThrow(/broken-module\.ts:\d+/);
});
