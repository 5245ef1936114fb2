/** Activities that hang, lie, die or answer nonsense. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Stage, setStage } from '../support/stage.ts';
import { cancels, hugeArgument, runOne, stop } from './hard/workflows.ts';

const QUEUE = 'activities';
const folder = mkdtempSync(join(tmpdir(), 'perdure-activities-'));
const patience = { timeout: 60_000, interval: 50 };

let stage: Stage;

beforeAll(async () => {
  stage = await setStage();
  await stage.worker(QUEUE);
}, 60_000);

afterAll(async () => {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

type Options = Parameters<typeof runOne>[2];
const once: Options = { startToCloseTimeout: '30s', retry: { maximumAttempts: 1 } };

function run(type: string, args: unknown[], options: Options = once, queue = QUEUE): Promise<unknown> {
  return stage.client.execute(runOne, { ...stage.fresh(queue), args: [type, args, options] });
}

describe('answers that are none', () => {
  test.each([
    ['text', /just text/],
    ['object', /"code":7|code: 7/],
    ['nothing', /undefined/],
    ['null', /null/],
    ['number', /5/],
  ])('what is thrown need not be an Error: %s', async (what, message) => {
    const lines = (await run('throwing', [what])) as string[];
    expect(lines[0]).toMatch(/^ActivityFailure: activity throwing failed: /);
    expect(lines[1]).toMatch(message);
  });

  test('a result over the limit fails the activity for good, naming both sizes', async () => {
    const lines = (await run('huge', [2 * 1024 * 1024], { startToCloseTimeout: '30s' })) as string[];
    expect(lines[1]).toMatch(/result of activity huge takes 2097\d+ bytes, the limit is 2097152/);
  });

  test('text that cannot be stored does not hide an error', async () => {
    expect(((await run('unstorable', [])) as string[])[1]).toBe('ApplicationFailure: binary \ufffd text');
  });

  test('heartbeat details over the limit are left out, and harm no other attempt of the worker', async () => {
    const options: Options = { startToCloseTimeout: '1m', heartbeatTimeout: '1500ms', retry: { maximumAttempts: 3 } };
    expect(await Promise.all([run('boastful', [], options), run('modest', [], options)])).toEqual(['done', 'attempt 1']);
  });

  test('a result without JSON form fails it too', async () => {
    const lines = (await run('unserializable', [])) as string[];
    expect(lines.join('\n')).toMatch(/result of activity unserializable \(bigint\)/);
  });

  test('an unknown type names those known, and is tried again where another worker may know it', async () => {
    const handle = await stage.client.start(runOne, { ...stage.fresh(QUEUE), args: ['nowhere', [], { startToCloseTimeout: '10s' }] });
    await vi.waitUntil(async () => ((await handle.describe()).pendingActivities[0]?.failureCount ?? 0) > 0, patience);
    const [activity] = (await handle.describe()).pendingActivities;
    expect(activity?.failures[0]?.failure?.message).toMatch(/nowhere.*(known|has).*echo/);
    await handle.terminate();
  });

  test('arguments over the limit are refused where the call is made', async () => {
    expect(await run('echo', ['x'.repeat(1_100_000)])).toHaveLength(1_100_000);
    const handle = await stage.client.start(hugeArgument, stage.fresh(QUEUE));
    await expect(handle.result()).rejects.toThrow(/arguments take 2200\d+ bytes, the limit is 2097152/);
  });
});

describe('time', () => {
  test('an attempt whose worker stops beating is tried again with what it reported last', async () => {
    const result = await run('silentUntil', [3], { startToCloseTimeout: '1m', heartbeatTimeout: '1s', retry: { initialInterval: '10ms' } });
    // A hanging worker may be given the next attempt too, which then times out unheard.
    expect(result).toEqual({ attempt: expect.any(Number) });
  });

  test('the last attempt times out as heartbeat timeout', async () => {
    const lines = await run('silentUntil', [9], { startToCloseTimeout: '1m', heartbeatTimeout: '1s', retry: { maximumAttempts: 1 } });
    expect(lines).toEqual([
      expect.stringMatching(/^ActivityFailure: .*heartbeat/),
      expect.stringMatching(/^TimeoutFailure: heartbeat timeout/),
    ]);
  });

  test('start-to-close, schedule-to-close and schedule-to-start', async () => {
    const results = await Promise.all([
      run('slow', [60_000], { startToCloseTimeout: '300ms', retry: { maximumAttempts: 2, initialInterval: '10ms' } }),
      run('slow', [60_000], { startToCloseTimeout: '200ms', scheduleToCloseTimeout: '900ms', retry: { initialInterval: '10ms' } }),
      run('echo', [1], { startToCloseTimeout: '10s', scheduleToStartTimeout: '300ms', taskQueue: 'nobody polls this' }),
    ]);
    expect(results.map((lines) => (lines as string[])[1])).toEqual([
      expect.stringMatching(/^TimeoutFailure: startToClose timeout/),
      expect.stringMatching(/^TimeoutFailure: (scheduleToClose|startToClose) timeout/),
      expect.stringMatching(/^TimeoutFailure: scheduleToStart timeout/),
    ]);
  });
});

describe('cancelling and dying', () => {
  test('a cancelled scope reaches the running attempt', async () => {
    const file = join(folder, 'scope');
    const handle = await stage.client.start(cancels, { ...stage.fresh(QUEUE), args: [file] });
    await vi.waitUntil(async () => (await handle.describe()).pendingActivities[0]?.state === 'started', patience);
    await handle.signal(stop);
    expect(await handle.result()).toBe('cancelled');
    expect(readFileSync(file, 'utf8')).toMatch(/^started\nstopped: CancelledFailure/);
  });

  test('a terminated run stops its attempt as well', async () => {
    const file = join(folder, 'terminated');
    const handle = await stage.client.start(cancels, { ...stage.fresh(QUEUE), args: [file] });
    await vi.waitUntil(async () => (await handle.describe()).pendingActivities[0]?.state === 'started', patience);
    await handle.terminate();
    await vi.waitUntil(() => readFileSync(file, 'utf8').includes('stopped'), patience);
  });

  test('of two workers one is killed: its attempt is tried again by the other, everything else is done once', async () => {
    const queue = 'two';
    const workers = [await stage.worker(queue), await stage.worker(queue)];
    const options: Options = { startToCloseTimeout: '1m', heartbeatTimeout: '1s', retry: { initialInterval: '10ms' } };
    const long = await stage.client.start(runOne, { ...stage.fresh(queue), args: ['slow', [4_000], options] });
    await vi.waitUntil(async () => (await long.describe()).pendingActivities[0]?.state === 'started', patience);
    const [activity] = (await long.describe()).pendingActivities;
    const many = Array.from({ length: 50 }, (_, index) => run('echo', [index], undefined, queue));
    const doomed = workers.find((worker) => activity?.lastWorkerIdentity.startsWith(`${worker.child.pid}@`));
    await doomed?.end('SIGKILL');
    expect(doomed).toBeDefined();
    expect(await Promise.all(many)).toEqual(many.map((_, index) => index));
    expect(await long.result()).toBe('slept 4000 ms');
    const { events } = await long.fetchHistory();
    const completed = events.find((event) => event.attributes?.$case === 'activityCompleted')?.attributes;
    expect(completed?.$case === 'activityCompleted' && completed.value.attempt).toBeGreaterThan(1);
  });
});
