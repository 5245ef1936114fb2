// The environment as tests use it.
import { Context } from '@perdure/sdk/activity';
import { WorkflowFailedError } from '@perdure/sdk/client';
import { bundleWorkflows, type WorkflowBundle } from '@perdure/sdk/worker';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  approval,
  approve,
  broken,
  chain,
  endless,
  family,
  greeting,
  impatient,
  polling,
  sleeper,
  state,
  stubborn,
} from '../test/workflows.ts';
import { TestEnvironment, type TestWorkerOptions } from './index.ts';

const DAY = 86_400_000;
const YEAR = 365 * DAY;

let bundle: WorkflowBundle;
beforeAll(async () => {
  bundle = await bundleWorkflows(new URL('../test/workflows.ts', import.meta.url));
}, 20_000);

let env: TestEnvironment;
beforeEach(async () => {
  env = await TestEnvironment.create({ startTime: new Date('2026-03-01T08:00:00Z'), patience: 200, log: () => {} });
});
afterEach(() => env.close());

const at = (workflowId: string) => ({ workflowId, taskQueue: 'test' });
const worker = (options: Omit<TestWorkerOptions, 'workflows'> = {}) => env.createWorker({ workflows: bundle, ...options });

test('a year of sleep takes no time, and the clock says so', async () => {
  await worker();
  const slept = await env.client.execute(sleeper, { ...at('year'), args: [12, YEAR / 12] });
  expect(slept).toBeGreaterThanOrEqual(YEAR);
  expect(slept).toBeLessThan(YEAR + DAY);
  expect(env.now().getFullYear()).toBe(2027);
});

test('activities are ordinary functions, and mocked by others', async () => {
  await worker({ activities: { greet: async (name: string) => `hello ${name}` } });
  await expect(env.client.execute(greeting, { ...at('greet'), args: ['Ada'] })).resolves.toBe('hello Ada');
});

test('back-offs of failing activities are skipped', async () => {
  let calls = 0;
  const flaky = async (times: number): Promise<number> => {
    calls += 1;
    if (calls < times) throw new Error('not yet');
    return Context.current().info.attempt;
  };
  await worker({ activities: { flaky } });
  const begun = env.now().getTime();
  await expect(env.client.execute(stubborn, { ...at('flaky'), args: [8] })).resolves.toBe(8);
  expect(env.now().getTime() - begun).toBeGreaterThan(100_000);
});

test('time does not skip before a signal that was sent at once, and skips to the time-out without one', async () => {
  await worker();
  const first = await env.client.start(approval, at('approved'));
  await first.signal(approve, 'Ada');
  await expect(first.result()).resolves.toBe('Ada');
  expect(env.now().getDate()).toBe(1);
  const second = await env.client.start(approval, at('ignored'));
  await expect(second.result()).rejects.toThrow(WorkflowFailedError);
  expect(env.now().getDate()).toBe(2);
});

test('sleep lets exactly so much pass, with what comes due in it', async () => {
  await worker();
  const handle = await env.client.start(approval, at('slept'));
  await env.sleep('23h');
  expect(env.now().getTime()).toBeGreaterThanOrEqual(Date.parse('2026-03-02T07:00:00Z'));
  expect(env.now().getTime()).toBeLessThan(Date.parse('2026-03-02T07:00:10Z'));
  await expect(handle.query(state)).resolves.toBe('open');
  await env.sleep('1h');
  expect((await handle.describe()).status).toBe('Failed');
});

test('an activity that sleeps is skipped over, its heartbeats are not forgotten', async () => {
  const poll = async (rounds: number): Promise<number> => {
    const context = Context.current();
    for (let round = 1; round <= rounds; round += 1) {
      context.heartbeat(round);
      await context.sleep('45s');
    }
    return context.info.attempt;
  };
  await worker({ activities: { poll } });
  await expect(env.client.execute(polling, { ...at('polls'), args: [20] })).resolves.toBe(1);
  expect(env.now().getTime()).toBeGreaterThan(Date.parse('2026-03-01T08:15:00Z'));
});

test('sleep ends what an activity cannot end', async () => {
  const slow = (): Promise<string> =>
    new Promise((_, reject) => Context.current().signal.addEventListener('abort', () => reject(Context.current().signal.reason)));
  await worker({ activities: { slow } });
  const handle = await env.client.start(impatient, at('slow'));
  await env.sleep('1m');
  expect((await handle.describe()).status).toBe('Failed');
  await expect(handle.result()).rejects.toMatchObject({ cause: { cause: { message: expect.stringContaining('timeout') } } });
});

test('what a run waits for is told when nothing can happen any more', async () => {
  await worker();
  const handle = await env.client.start(endless, at('endless'));
  const error = await handle.result().catch((problem: Error) => problem);
  expect(error).toMatchObject({ reason: 'TEST_STUCK' });
  expect((error as Error).message).toMatch(
    /nothing can happen any more by itself.*\n- endless "endless" \(run .*\) waits for\n {4}condition\n {4}at endless \(.*test\/workflows\.ts:\d+:\d+\)/,
  );
  // It is still open: what it waits for may come.
  await handle.signal(approve, 'Ada');
  await expect(handle.result()).resolves.toBeUndefined();
});

test('a queue that nobody serves is named', async () => {
  const handle = await env.client.start(approval, { workflowId: 'alone', taskQueue: 'elsewhere' });
  await expect(handle.result()).rejects.toThrow('no worker of this environment takes tasks of "elsewhere"');
});

test('code that fails again and again is told, not waited for', async () => {
  await worker();
  const handle = await env.client.start(broken, at('broken'));
  const error = (await handle.result().catch((problem: Error) => problem)) as Error;
  expect(error.message).toMatch(/the code of a workflow fails again and again:\n- broken "broken" .*\n {4}.*undefined/);
  expect(error.message).toMatch(/at broken \(.*test\/workflows\.ts:\d+:\d+\)/);
});

test('runs go on with another worker, and their history replays', async () => {
  const first = await worker();
  const handle = await env.client.start(approval, at('moved'));
  await expect(handle.query(state)).resolves.toBe('open');
  await first.shutdown();
  await handle.signal(approve, 'Bob');
  await worker();
  await expect(handle.result()).resolves.toBe('Bob');
  await env.replay({ workflows: bundle, history: await handle.fetchHistory() });
});

test('children and runs that follow each other are waited for', async () => {
  await worker();
  const begun = env.now().getTime();
  await expect(env.client.execute(family, { ...at('family'), args: [[3, 1, 40]] })).resolves.toEqual([3, 1, 40]);
  expect(env.now().getTime() - begun).toBeLessThan(41 * DAY);
  await expect(env.client.execute(chain, { ...at('chain'), args: [10] })).resolves.toBe('the end');
  expect(env.now().getTime() - begun).toBeGreaterThanOrEqual(51 * DAY);
});

test('a paused run waits, and the test is told', async () => {
  await worker();
  const handle = await env.client.start(approval, at('paused'));
  await handle.pause();
  await env.sleep('2d');
  await expect(handle.result()).rejects.toMatchObject({ reason: 'TEST_STUCK' });
  await handle.resume();
  await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
});

test('environments share nothing', async () => {
  await using other = await TestEnvironment.create({ log: () => {} });
  await env.client.start(approval, at('mine'));
  expect(await other.client.count()).toBe(0);
  expect(await env.client.count()).toBe(1);
});
