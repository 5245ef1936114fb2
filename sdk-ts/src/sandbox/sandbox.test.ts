// The sandbox seen from inside: deterministic, shared without leaks, and ordinary code works.

import { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { engineFor, logged } from '../../test/support/engine.ts';
import { createRunLog, describeAnswer, lines, queryOf, START_MS } from '../../test/support/run-log.ts';
import { decodeValue, defaultPayloadConverter } from '../common/payload-converter.ts';
import type { WorkflowEngine } from '../worker/engine.ts';

let engine: WorkflowEngine;
let bad: WorkflowEngine;
let intrinsics: WorkflowEngine;
beforeAll(async () => {
  engine = await engineFor('sandbox.ts');
  bad = await engineFor('bad.ts');
  intrinsics = await engineFor('intrinsics.ts');
}, 20_000);
afterAll(async () => {
  await engine.close();
  await bad.close();
  await intrinsics.close();
});

/** The result of a workflow that completes at once. */
async function result(type: string, on = engine): Promise<never> {
  const completion = await createRunLog(type).run(on);
  const last = completion.commands.at(-1)?.attributes;
  if (last?.$case !== 'completeWorkflow') throw new Error(lines(completion).join());
  return decodeValue(defaultPayloadConverter, last.value.result, 'result') as never;
}

async function failed(on: WorkflowEngine, type: string): Promise<string> {
  const answer = await on.activate(createRunLog(type).task());
  if (answer.kind !== 'failed') throw new Error(describeAnswer(answer));
  return `${answer.failure.message}\n${answer.failure.stackTrace}`;
}

test('R-SANDBOX-3: module state and globals belong to one run', async () => {
  const own = { loaded: 2, before: null, after: 'from another run', same: true };
  expect(await result('state')).toEqual(own);
  expect(await result('state')).toEqual(own);
});

test('custom errors, assigned methods and stack settings work as anywhere', async () => {
  expect(await result('ordinary')).toEqual({
    name: 'OldStyle',
    message: 'custom!',
    instance: [true, true, true, true],
    legacy: 'legacy 3',
    own: ['own', 'mine'],
    frames: true,
    called: 'plain',
  });
});

test('failures have the names of their classes', async () => {
  expect(await result('failureNames')).toEqual(['ApplicationFailure', 'ApplicationFailure', 'CardDeclined']);
});

test('what runs share cannot be changed', async () => {
  // Bundled code is sloppy: some attempts throw, some are ignored; none has an effect.
  expect(await result('tamper')).toEqual([1, 2, null, START_MS + 1, 'resolved', null, null]);
  expect(await result('tamper')).toEqual([1, 2, null, START_MS + 1, 'resolved', null, null]);
});

test('everything reachable is frozen', async () => {
  expect(await result('unprotected', intrinsics)).toEqual([]);
});

test('R-SANDBOX-2: what is reachable is what the list of this version of Node allows', async () => {
  const names = (await result('reachableNames', intrinsics)) as string[];
  await expect(`${names.join('\n')}\n`).toMatchFileSnapshot(`testdata/intrinsics-node${process.versions.node.split('.')[0]}.txt`);
});

test('R-SANDBOX-1: no object of the host is reachable', async () => {
  const ways = Object.entries((await result('escaping')) as Record<string, string>);
  expect(ways.filter(([, answer]) => answer !== 'undefined' && answer !== 'no')).toEqual([]);
});

test('R-SANDBOX-2: what lets the machine in is gone', async () => {
  expect(await result('missing')).toEqual([]);
  expect(await result('legacyRegExp')).toEqual([null, 'b-a']);
});

test('R-SANDBOX-2: time is the workflow time, in UTC and en-US', async () => {
  const now = START_MS + 1;
  expect(await result('times')).toEqual({
    now,
    made: now,
    text: 'Sat Jul 04 2026 12:30:15 GMT+0000 (Coordinated Universal Time)',
    called: 'Thu Jan 01 2026',
    parts: [2026, 6, 4, 12, 0],
    local: '2026-07-04T12:00:00.000Z',
    parsed: [Date.UTC(2026, 6, 4, 12), Date.UTC(2026, 6, 4), Date.UTC(2026, 6, 4, 12), Date.UTC(2026, 6, 4, 10)],
    locale: ['7/4/2026, 12:30:15 PM', '7/4/2026', '12:30:15', '1,234.5'],
    intl: ['1/1/2026', 'UTC', 'en-US'],
    chosen: '04.07.26, 14:30',
    performance: 1,
    subclass: 5,
    isDate: true,
    undefinedZone: ['7/4/2026, 12:30:15 PM', '12:30:15 PM'],
    setYear: ['1970-12-31T23:30:00.000Z', '2024-12-31T23:30:00.000Z', true, true],
    comments: [Date.UTC(2026, 6, 4, 12), Date.UTC(2026, 6, 4, 12), Date.UTC(2026, 6, 4, 11)],
  });
});

test('R-SANDBOX-1: the web platform objects are there and made of the sandbox own', async () => {
  expect(await result('web')).toEqual({
    aborted: 'AbortError: This operation was aborted',
    url: 'https://user@example.com:8080/b?x=1&y=%C3%A4+b#h',
    host: 'example.com:8080',
    invalid: false,
    copy: [true, true, true],
    refused: 'DataCloneError',
    order: 'micro',
    bytes: [97, 195, 164, 226, 130, 172, 240, 159, 152, 128, 239, 191, 189],
    text: 'aä😀\ufffd',
    uuid: 36,
    random: 4,
  });
});

test('R-SANDBOX-1: long texts are read and written like short ones', async () => {
  const piece = [14, true, true];
  const damaged = [true, 'true'];
  expect(await result('texts')).toEqual({ same: [piece, piece], damaged: [damaged, damaged] });
});

test('R-SANDBOX-2: chance follows the seed of the run', async () => {
  const of = async (runId: string): Promise<string[]> => lines(await createRunLog('chance', [], runId).run(engine));
  const [one, other] = [await of('seed-a'), await of('seed-b')];
  engine.evict('seed-a');
  expect(await of('seed-a')).toEqual(one);
  expect(other).not.toEqual(one);
  const [first, second, uuid] = JSON.parse((one[0] as string).slice('complete '.length)) as [number, number, string];
  expect(first).not.toBe(second);
  expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

describe('R-SANDBOX-4: errors say what to do', () => {
  test('fetch', async () => {
    expect(await failed(bad, 'fetching')).toMatch(
      /fetch is not available in workflow code: do this in an activity[\s\S]*at fetching \(sdk-ts\/test\/workflows\/bad\.ts:\d+:\d+\)/,
    );
  });

  test('process', async () => {
    expect(await failed(bad, 'environment')).toMatch(
      /process is not available in workflow code: do this in an activity[\s\S]*bad\.ts:\d+:\d+/,
    );
  });

  test('a dynamic import that was not bundled', async () => {
    expect(await result('dynamicImport')).toMatch(/^true /);
  });
});

test('R-SANDBOX-3: an error in a timer callback fails its own task and leaves nothing for the next run', async () => {
  const thrower = createRunLog('throwsInTimer');
  const waiter = createRunLog('waitsForGo');
  await thrower.run(engine);
  await waiter.run(engine);
  thrower.fire(1);
  const answer = await engine.activate(thrower.task());
  expect(answer).toMatchObject({ kind: 'failed', failure: { message: 'in a timer' } });
  waiter.signal('go');
  expect(lines(await waiter.run(engine))).toEqual(['complete "gone"']);
});

test('a rejection nobody listens to yet is logged once and ends nothing', async () => {
  const log = createRunLog('unhandled');
  logged.length = 0;
  await log.run(bad);
  await new Promise(setImmediate);
  const lines1 = logged.filter((line) => line.message.includes('nobody listens'));
  expect(lines1).toHaveLength(1);
  expect(lines1[0]?.message).toMatch(/bad\.ts:\d+/);
  expect(lines1[0]?.fields).toMatchObject({ runId: log.runId, workflowType: 'unhandled' });
  log.fire(1);
  expect(lines(await log.run(bad))).toEqual(['complete "nobody listens"']);
});

test('R-SANDBOX-3: a rejection with any reason ends nothing, and runs no code in another run', async () => {
  for (const kind of ['bare', 'getter', 'endless', 'symbol', 'thrower']) {
    const log = createRunLog('strangeRejections', [kind]);
    logged.length = 0;
    expect(lines(await log.run(bad))).toEqual(['timer 1 5']);
    await vi.waitFor(() => expect(logged.map((line) => line.message).join()).toContain('nobody listens'));
    log.fire(1);
    expect(lines(await log.run(bad))).toEqual(['complete "went on"']);
  }
});

test('a rejection in a block of the log is not told again', async () => {
  const log = createRunLog('unhandled');
  await log.run(bad);
  await new Promise(setImmediate);
  bad.evict(log.runId);
  logged.length = 0;
  await log.query(bad, '__stack_trace');
  await new Promise(setImmediate);
  expect(logged).toEqual([]);
});

test('R-SANDBOX-5: code that waits for what is always true fails its task', async () => {
  const answer = await bad.activate(createRunLog('spinning').task());
  expect(answer).toMatchObject({ kind: 'failed', cause: WorkflowTaskFailureCause.DEADLOCK });
  expect(lines(await createRunLog('talking').run(bad))).toEqual(['timer 1 1']);
}, 30_000);

test('log lines beyond 1 000 of one task are counted', async () => {
  logged.length = 0;
  await createRunLog('talking').run(bad);
  expect(logged).toHaveLength(1_001);
  expect(logged.at(-1)).toMatchObject({ level: 'warn', message: '200 more log lines of one task are left out: at most 1000 are kept' });
});

test('answers of queries do not count as commands', async () => {
  const queries = ['a', 'b', 'c'].map((queryId) => ({ ...queryOf('large'), queryId }));
  const { queryResults } = await createRunLog('largeAnswers').run(engine, { queries });
  expect(queryResults.map(({ outcome }) => outcome?.$case)).toEqual(['result', 'result', 'result']);
});

test('the cache counts what an instance of the workflow file takes', async () => {
  const cachedOf = async (file: string, type: string): Promise<number> => {
    const small = await engineFor(file, { cacheBytes: 2 * 1024 * 1024 });
    for (let run = 0; run < 12; run += 1) await createRunLog(type).run(small);
    const cached = small.cachedRuns();
    await small.close();
    return cached;
  };
  expect(await cachedOf('bad.ts', 'throwing')).toBe(12);
  expect(await cachedOf('large-module.ts', 'waiting')).toBeLessThan(6);
});

test('the cache is bounded by bytes: the least recently used runs go', async () => {
  const small = await engineFor('sandbox.ts', { cacheBytes: 72 * 1024 });
  const logs = Array.from({ length: 6 }, () => createRunLog('waitsForGo'));
  for (const log of logs) await log.run(small);
  // How many depends on what an instance of the file was measured to take.
  expect(small.cachedRuns()).toBeGreaterThan(0);
  expect(small.cachedRuns()).toBeLessThan(6);
  logs[0]?.signal('go');
  logs[5]?.signal('go');
  expect((await small.activate((logs[0] as (typeof logs)[0]).task())).kind).toBe('needHistory');
  expect((await small.activate((logs[5] as (typeof logs)[0]).task())).kind).toBe('completed');
  await small.close();
});
