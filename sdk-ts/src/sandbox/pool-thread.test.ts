// Threads that cannot even begin, and what waits behind code that holds its thread.

import { type WorkflowTask, WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { expect, test } from 'vitest';
import { fixture } from '../../test/support/engine.ts';
import { createRunLog } from '../../test/support/run-log.ts';
import { bundleWorkflows } from './bundle.ts';
import { createThreadEngine } from './threads.ts';

// Enough for the thread to load what it needs itself.
const patience = { warnMs: 200, failMs: 500, startMs: 4_000 };

test('a module that is evaluated without end is refused, with the place where it stands', async () => {
  const bundle = await bundleWorkflows(fixture('endless-module.ts'));
  const creating = createThreadEngine({ bundle, namespace: 'default', taskQueue: 'q', log: () => {}, patience });
  await expect(creating).rejects.toThrow(/not evaluated within 4 s\n.*endless-module\.ts:\d+/);
});

const blocking = (): WorkflowTask => ({ ...createRunLog('blocking').task({ attempt: 2 }), taskTimeoutMs: 100_000n });

test('a stuck run is told with its place also when nobody could look for longer than it may hold its thread', {
  timeout: 30_000,
}, async () => {
  const bundle = await bundleWorkflows([fixture('basic.ts'), fixture('bad.ts')]);
  const logged: string[] = [];
  const log = (_level: string, message: string): void => void logged.push(message);
  const engine = await createThreadEngine({ bundle, namespace: 'default', taskQueue: 'q', log, patience });
  for (const attempt of [1, 2]) {
    const answering = engine.activate({ ...blocking(), attempt });
    // The task has been handed to the thread; then the machine is busy with other things.
    await new Promise((resolve) => setImmediate(resolve));
    const busyUntil = performance.now() + 2 * patience.failMs;
    while (performance.now() < busyUntil);
    const answer = await answering;
    expect(answer).toMatchObject({ kind: 'failed', cause: WorkflowTaskFailureCause.DEADLOCK });
    if (attempt === 1 && answer.kind === 'failed') expect(answer.failure.stackTrace).toMatch(/blocking \(.*bad\.ts:\d+:\d+\)/);
    expect(logged.filter((one) => one.includes('the code of workflow blocking blocked its thread'))).toHaveLength(attempt);
  }
  await engine.close();
});

test('what waited behind a stuck run goes back, because the next may be stuck as well', async () => {
  const bundle = await bundleWorkflows([fixture('basic.ts'), fixture('bad.ts')]);
  const engine = await createThreadEngine({ bundle, namespace: 'default', taskQueue: 'q', log: () => {}, patience });
  const stuck = [engine.activate({ ...blocking(), attempt: 1 }), engine.activate({ ...blocking(), attempt: 1 })];
  const waiting = engine.activate({ ...createRunLog('hello', ['x']).task(), taskTimeoutMs: 1_000n });
  const patient = engine.activate({ ...createRunLog('hello', ['y']).task(), taskTimeoutMs: 100_000n });
  expect(await Promise.all([...stuck, waiting])).toMatchObject([{ kind: 'failed' }, { kind: 'failed' }, { kind: 'returned' }]);
  expect(await patient).toMatchObject({ kind: 'completed' });
  await engine.close();
});

test('among suspects, runs that are not known to hold threads go first', async () => {
  const bundle = await bundleWorkflows([fixture('basic.ts'), fixture('bad.ts')]);
  const engine = await createThreadEngine({ bundle, namespace: 'default', taskQueue: 'q', log: () => {}, patience });
  const [first, second] = [blocking(), blocking()];
  // Both are known from here on.
  await Promise.all([engine.activate(first), engine.activate(second)]);
  const order: string[] = [];
  const run = async (name: string, task: typeof first): Promise<void> => {
    order.push(`${name} ${(await engine.activate(task)).kind}`);
  };
  const healthy = createRunLog('hello', ['x']);
  await Promise.all([
    run('first', first),
    run('second', second),
    run('late', { ...second, execution: { workflowId: 'w', runId: 'late' }, taskTimeoutMs: 300n }),
    run('healthy', { ...healthy.task({ attempt: 2 }), taskTimeoutMs: 100_000n }),
  ]);
  // Handed back at the latest when the thread is free: before or after `first`, as the machine is quick or slow.
  expect(order).toContain('late returned');
  expect(order.filter((one) => one !== 'late returned')).toEqual(['first failed', 'healthy completed', 'second failed']);
  await engine.close();
});
