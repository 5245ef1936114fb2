/** `perdure activity …` against a service, each a real process: an activity that waits for a worker is held, let go and changed. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Finished, runProgram } from '../support/program.ts';
import { type Stage, setStage } from '../support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await setStage();
}, 60_000);
afterAll(() => stage.close(), 60_000);

const run = (...args: string[]): Promise<Finished> => runProgram(['activity', ...args], { env: { PERDURE_ADDRESS: stage.address } });

test('R-ACT-12 R-ACT-13 R-ACT-15 R-ACT-16: pause, update, reset, resume, and what is refused', { timeout: 60_000 }, async () => {
  await stage.worker('activity-cli');
  const { workflowId, taskQueue } = stage.fresh('activity-cli');
  const handle = await stage.client.start('crowd', { workflowId, taskQueue, args: [1, 'activity-cli-nobody'] });
  await expect.poll(async () => (await handle.describe()).pendingActivities.length, { timeout: 20_000 }).toBe(1);
  const paused = await run('pause', workflowId, '1', '--reason', 'maintenance');
  expect([paused.stderr, paused.stdout]).toEqual(['', `Paused activity 1 of run ${handle.runId}.\n`]);
  expect((await handle.describe()).pendingActivities).toMatchObject([{ state: 'paused', taskQueue: 'activity-cli-nobody' }]);
  const changed = await run('update', workflowId, '1', '--task-queue', taskQueue, '--start-to-close', '90s', '-o', 'json');
  expect(JSON.parse(changed.stdout)).toMatchObject({ runId: handle.runId, options: { taskQueue, startToCloseTimeout: '90s' } });
  const kept = await run('reset', workflowId, '1', '--keep-paused');
  expect(kept.stdout).toContain('Reset activity 1');
  expect((await handle.describe()).pendingActivities).toMatchObject([{ state: 'paused' }]);
  const resumed = await run('resume', workflowId, '1');
  expect(resumed.stdout).toContain('Resumed activity 1');
  // The queue it has now is that of the worker.
  await handle.result();
  const late = await run('pause', workflowId, '1', '--run-id', handle.runId);
  expect([late.code, late.stderr]).toEqual([1, expect.stringContaining('has closed, and with it its activity "1" (ACTIVITY_NOT_FOUND)')]);
  const empty = await run('update', workflowId, '1');
  expect([empty.code, empty.stderr]).toEqual([2, expect.stringContaining('give at least one option to change')]);
});
