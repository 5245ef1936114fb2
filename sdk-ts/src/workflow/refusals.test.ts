// What workflow code is told: of wrong calls, of steps that end badly, and of steps that are not those of the log.

import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { engineFor } from '../../test/support/engine.ts';
import { createRunLog, lines } from '../../test/support/run-log.ts';
import { errorToFailure } from '../common/failure.ts';
import { defaultPayloadConverter as converter, encodeValues } from '../common/payload-converter.ts';
import { retryPolicyToProto } from '../common/retry-policy.ts';
import type { WorkflowEngine } from '../worker/engine.ts';
import { COMMAND_RULES } from './concepts.ts';
import * as api from './index.ts';
import { type Block, compareBlock } from './replay.ts';
import type { CommandAttributes, Run } from './run.ts';
import { clearTimeout, setTimeout } from './timer.ts';

let engine: WorkflowEngine;
beforeAll(async () => {
  engine = await engineFor('refusals.ts');
}, 20_000);
afterAll(() => engine.close());

const resultOf = (line: string | undefined): unknown => JSON.parse((line ?? '').replace(/^complete /, ''));

test('wrong calls are refused at once, naming what was called and what is wrong', async () => {
  const told = resultOf(lines(await createRunLog('wrongCalls').run(engine))[0]) as string[];
  const expected = [
    /^activity type:/,
    /^activityId:/,
    /^condition: the predicate must be a function$/,
    /^condition timeout: "soon"/,
    /^setTimeout: the callback must be a function$/,
    /^waitUntil: NaN is not a time$/,
    /^sleep duration: "soon"/,
    /^timeout: "soon"/,
  ];
  expect(told).toHaveLength(expected.length);
  for (const [at, message] of told.entries()) expect(message).toMatch(expected[at] as RegExp);
});

test('wrong options of activities name their field', () => {
  const options = (wrong: object) => () => api.proxyActivities({ startToCloseTimeout: 1, ...wrong });
  for (const field of ['scheduleToCloseTimeout', 'scheduleToStartTimeout', 'startToCloseTimeout', 'heartbeatTimeout']) {
    expect(options({ [field]: 'soon' })).toThrow(`${field}: "soon"`);
  }
  expect(retryPolicyToProto({})).toMatchObject({ backoffCoefficient: 0, maximumAttempts: 0, nonRetryableErrorTypes: [] });
  const proxy = api.proxyActivities({ startToCloseTimeout: 1 });
  expect(proxy.work).toBe(proxy.work);
  for (const field of ['initialInterval', 'maximumInterval']) {
    expect(options({ retry: { [field]: 'soon' } })).toThrow(`retry.${field}: "soon"`);
  }
  expect(options({ retry: { maximumAttempts: -1 } })).toThrow('-1 is not a whole number of attempts (leave it out for unlimited)');
  expect(options({ retry: { maximumAttempts: 0 } })).not.toThrow();
  expect(options({ retry: { maximumAttempts: Number.POSITIVE_INFINITY } })).not.toThrow();
  expect(() => api.defineQuery(5 as never)).toThrow('defineQuery: the name must be text');
  expect(() => api.defineQuery('')).toThrow('defineQuery: the name must be text');
  expect(() => setTimeout(() => {}, 1)).toThrow(/^setTimeout: only workflow code/);
  expect(() => clearTimeout(1)).toThrow(/^clearTimeout: only workflow code/);
  expect(() => api.CancellationScope.shield(async () => {})).toThrow(/^CancellationScope.shield: only workflow code/);
  expect(() => api.waitUntil(1)).toThrow(/^waitUntil: only workflow code/);
  expect(() => api.setHandler(api.defineQuery('q'), () => 1)).toThrow(/^setHandler: only workflow code/);
});

test('an activity that timed out says how, after how many attempts, and what failed last', async () => {
  const log = createRunLog('ending');
  await log.run(engine);
  const lastFailure = errorToFailure(new Error('line is busy'), converter);
  const value = { number: 1, scheduledEventId: 3n, attempt: 4, timeoutType: 1, retryState: 2, lastFailure };
  log.add({ $case: 'activityTimedOut', value } as never);
  expect(resultOf(lines(await log.run(engine))[0])).toMatchObject({
    message: expect.stringMatching(/^activity work timed out \(.+\)$/),
    attempt: 4,
    activityType: 'work',
    activityId: '1',
    why: expect.stringMatching(/timeout$/),
    before: 'line is busy',
  });
});

test('a cancelled activity brings what it said at its end; what cannot be read is an error in its place', async () => {
  const log = createRunLog('ending');
  await log.run(engine);
  const [good] = encodeValues(converter, ['half done'], 'x');
  const bad = { encoding: 'perdure/unknown', metadata: {}, data: new Uint8Array([1]) };
  const value = { number: 1, scheduledEventId: 3n, attempt: 2, identity: 'w', details: [good, bad] };
  log.add({ $case: 'activityCanceled', value } as never);
  expect(resultOf(lines(await log.run(engine))[0])).toMatchObject({
    message: 'activity work was cancelled',
    attempt: 2,
    retryState: 'cancelRequested',
    details: ['half done', expect.stringContaining('cancellation detail')],
  });
});

test('R-REPLAY-6: an activity that is given up is awaited no more; its failure names no attempt', async () => {
  const log = createRunLog('givenUp');
  expect(lines(await log.run(engine))).toEqual(['activity 1 work()', 'cancel activity 1', 'timer 1 1000']);
  expect(await log.query(engine, '__stack_trace')).not.toContain('activity work');
  // Its end comes too late, whatever it is.
  const value = { number: 1, scheduledEventId: 3n, attempt: 1, timeoutType: 1, retryState: 2, lastFailure: undefined };
  log.add({ $case: 'activityTimedOut', value } as never);
  log.fire(1);
  expect(lines(await log.run(engine))).toEqual(['complete {"attempt":0,"identity":""}']);
});

test('a timer that was taken back is awaited no more', async () => {
  const log = createRunLog('takenBack');
  expect(lines(await log.run(engine))).toEqual(['timer 1 3600000', 'cancel timer 1', 'timer 2 1000']);
  expect(await log.query(engine, '__stack_trace')).not.toContain('withTimeout');
  log.fire(2);
  expect(lines(await log.run(engine))).toEqual(['complete ["in time"]']);
});

test('waitUntil is a timer for what is left, and for 0 ms when nothing is', async () => {
  const log = createRunLog('untilTimes', [1_500]);
  expect(lines(await log.run(engine))).toEqual(['timer 1 1500']);
  log.fire(1);
  expect(lines(await log.run(engine))).toEqual(['timer 2 0']);
  log.fire(2);
  expect(lines(await log.run(engine))).toEqual(['complete "over"']);
});

test('the stack trace says when only handlers are waited for', async () => {
  const trace = async (ms: number, signals: number): Promise<unknown> => {
    const log = createRunLog('handled', [ms]);
    for (let left = signals; left > 0; left -= 1) log.signal('go');
    await log.run(engine);
    return await log.query(engine, '__stack_trace');
  };
  expect(await trace(0, 1)).toContain('main has ended; waiting for signal go');
  expect(await trace(1_000, 1)).not.toContain('main has ended');
  expect(await trace(0, 0)).not.toContain('main has ended');
});

test('a handler that was taken back answers no query', async () => {
  const log = createRunLog('handled', [1_000]);
  await log.run(engine);
  expect(await log.query(engine, 'secret')).toMatch(/^failed: no handler for query "secret"/);
});

test('shield in a scope that has been cancelled: the work is done, the waiting ends at once', async () => {
  const log = createRunLog('shieldTooLate');
  expect(lines(await log.run(engine))).toEqual(['timer 1 1000', 'timer 2 2000']);
  log.fire(1);
  await log.run(engine);
  log.fire(2);
  expect(lines(await log.run(engine))).toEqual(['complete ["cancelled","worked"]']);
});

test('R-REPLAY-2: conditions behind one that fails are tried in their order too', async () => {
  const log = createRunLog('wrongConditions');
  await log.run(engine);
  log.fire(1);
  const woken = resultOf(lines(await log.run(engine))[0]) as string[];
  expect(woken).toEqual(['throwing failed', 'second', 'asyncOne failed', 'fourth', 'fifth']);
});

test('R-REPLAY-2: thousands of conditions wake in the order they were awaited', async () => {
  const log = createRunLog('crowd', [5_000]);
  await log.run(engine);
  log.fire(1);
  expect(resultOf(lines(await log.run(engine))[0])).toEqual(Array.from({ length: 5_000 }, (_, number) => number));
});

test('R-REPLAY-2: a condition that comes true while others wake is asked after them', async () => {
  const log = createRunLog('lastFirst', [1_100]);
  await log.run(engine);
  log.fire(1);
  const woken = resultOf(lines(await log.run(engine))[0]) as number[];
  expect(woken.slice(0, -1)).toEqual(Array.from({ length: 1_099 }, (_, number) => number + 1));
  expect(woken.at(-1)).toBe(0);
});

test('the stack trace shows each thing that is awaited, and nothing that has ended', async () => {
  const log = createRunLog('afterwards');
  await log.run(engine);
  log.completeActivity(1);
  await log.run(engine);
  const trace = String(await log.query(engine, '__stack_trace')).split('\n\n');
  const labels = trace.map((block) => block.split('\n')[0]).sort();
  expect(labels).toEqual(['CancellationScope.withTimeout (3600000 ms)', 'sleep (10800000 ms)', 'sleep (7200000 ms)']);
});

/** Compares commands with recorded events, as replay does. */
function compare(produced: object | object[], recorded: object | object[], strict = false): () => void {
  const task = { buildId: 'b1' } as Block['task'];
  const events = [recorded].flat().map((attributes, at) => ({ id: BigInt(3 + at), time: undefined, attributes }) as HistoryEvent);
  const block: Block = { eventId: 2n, task, commands: events, patches: [] };
  const commands = [produced].flat().map((attributes) => ({ attributes: attributes as CommandAttributes, site: undefined }));
  const run = { commands } as unknown as Run;
  return () => compareBlock(run, block, { strict, buildId: 'b2' });
}

const schedule = (args: unknown[], more: object = {}): object => ({
  $case: 'scheduleActivity',
  value: { number: 1, activityType: 'a', input: encodeValues(converter, args, 'x'), callSite: '', ...more },
});
const scheduled = (args: unknown[]): object => ({ ...schedule(args), $case: 'activityScheduled' });

test('R-REPLAY-4: steps differ by kind, number and name, and the difference is told in their words', () => {
  expect(compare(schedule([]), scheduled([]))).not.toThrow();
  expect(compare(schedule([], { activityType: 'b' }), scheduled([]))).toThrow('Produced: schedule activity 1 "b"');
  expect(compare(schedule([], { number: 2 }), scheduled([]))).toThrow('Produced: schedule activity 2 "a"');
  const timer = { $case: 'cancelTimer', value: { number: 7 } };
  const activity = { $case: 'cancelActivity', value: { number: 7 } };
  const asked = { $case: 'activityCancelRequested', value: { number: 7 } };
  const back = { $case: 'timerCanceled', value: { number: 7 } };
  expect(compare(timer, back)).not.toThrow();
  expect(compare(activity, asked)).not.toThrow();
  expect(compare(timer, asked)).toThrow(/Recorded: cancel activity 7[\s\S]*Produced: cancel timer 7/);
  expect(compare(activity, back)).toThrow(/Recorded: cancel timer 7[\s\S]*Produced: cancel activity 7/);
  expect(compare([timer, activity], [back, back])).toThrow('at event 4 (step 2 of');
  expect(compare({ ...timer, value: { number: 8 } }, back)).toThrow('cancel timer 8');
});

test('R-REPLAY-4: strict replay compares every argument, byte by byte', () => {
  expect(compare(schedule(['aa', 'b']), scheduled(['aa', 'b']), true)).not.toThrow();
  expect(compare(schedule(['ab', 'b']), scheduled(['aa', 'b']), true)).toThrow('argument 1 differs');
  expect(compare(schedule(['aa', 'c']), scheduled(['aa', 'b']), true)).toThrow('argument 2 differs');
  expect(compare(schedule(['aa']), scheduled(['aa', 'b']), true)).toThrow('argument 2 differs');
  expect(compare(schedule(['ab', 'b']), scheduled(['aa', 'b']))).not.toThrow();
});

test('every command has words for what was produced and what was recorded', () => {
  for (const [name, rule] of Object.entries(COMMAND_RULES)) {
    const value = { number: 1, activityType: 'a', duration: undefined, memo: {}, searchAttributes: {} };
    expect(rule.produced(value as never), name).not.toBe('');
    expect(rule.recorded(value as never), name).not.toBe('');
  }
});
