// Continue-as-new, and what a run knows of those before it.

import { ContinuationCause } from '@perdure/proto/perdure/api/v1/workflow';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { engineFor } from '../../test/support/engine.ts';
import { createRunLog, lines } from '../../test/support/run-log.ts';
import { ApplicationFailure, errorToFailure } from '../common/failure.ts';
import { defaultPayloadConverter as converter, encodeValue } from '../common/payload-converter.ts';
import type { WorkflowEngine } from '../worker/engine.ts';

let engine: WorkflowEngine;
beforeAll(async () => {
  engine = await engineFor('chain.ts');
}, 20_000);
afterAll(() => engine.close());

test('R-CHAIN-1: continueAsNew closes the run with the new arguments; the replay agrees', async () => {
  const log = createRunLog('collects');
  await log.run(engine);
  log.signal('push', 'a');
  log.signal('push', 'b');
  expect(lines(await log.run(engine))).toEqual(['continue as new collects(["a","b"])']);
  engine.evict(log.runId);
  expect(await log.query(engine, '__handlers')).toMatchObject({ signals: ['push'] });
});

test('R-CHAIN-1: options name what differs', async () => {
  const log = createRunLog('changes');
  const { commands } = await log.run(engine);
  const [command] = commands;
  expect(command?.attributes?.value).toMatchObject({
    workflowType: 'collects',
    taskQueue: 'slow',
    runTimeout: { seconds: 3600n },
    taskTimeout: { seconds: 20n },
    startDelay: { seconds: 5n },
    memo: { size: { encoding: 'binary/null' } },
    searchAttributes: { region: { value: { $case: 'keyword', value: 'eu' } }, gone: { value: undefined } },
    retryPolicy: { maximumAttempts: 3 },
    carry: [],
    header: undefined,
  });
});

test('R-CHAIN-3: signals that nobody handled are named in the command', async () => {
  const log = createRunLog('goesOn');
  log.signal('push', 'early');
  await log.run(engine);
  log.signal('push', 'late');
  log.fire(1);
  expect(lines(await log.run(engine))).toEqual(['continue as new goesOn() carry 2,5']);
});

test('R-CHAIN-3: while handlers end, what comes belongs to the new run', async () => {
  const log = createRunLog('collects');
  await log.run(engine);
  log.signal('push', 'slow');
  log.signal('push', 'b');
  expect(lines(await log.run(engine))).toEqual(['timer 1 1000']);
  log.signal('push', 'for the new run');
  expect(lines(await log.run(engine))).toEqual([]);
  engine.evict(log.runId);
  log.fire(1);
  const late = Number(log.events.find(({ attributes }) => JSON.stringify(attributes, plain).includes('for the new run'))?.id);
  expect(late).toBe(log.events.length - 2);
  expect(lines(await log.run(engine))).toEqual([`continue as new collects(["slow","b"]) carry ${late}`]);
});

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString() : value;
}

test('R-CHAIN-1: without waiting for handlers, if the workflow says so', async () => {
  const log = createRunLog('leaves');
  log.signal('push', 'x');
  await log.run(engine);
  log.fire(2);
  expect(lines(await log.run(engine))).toEqual(['continue as new leaves()']);
});

test('R-CHAIN-1: a handler must not continue the run, and is told who may', async () => {
  const log = createRunLog('fromHandler');
  await log.run(engine);
  log.signal('push');
  const error: Error = await log.run(engine).then(
    () => new Error('completed'),
    (thrown: Error) => thrown,
  );
  expect(error.message).toContain('continueAsNew: called in the handler of signal push; only the workflow function may');
});

test('R-CHAIN-6 R-CHAIN-7: workflowInfo tells attempt, schedule, last result and last failure', async () => {
  const failure = errorToFailure(ApplicationFailure.nonRetryable('away', 'Down'), converter);
  const continuation = {
    runId: 'before',
    cause: ContinuationCause.RETRY,
    lastResult: encodeValue(converter, 7, 'x'),
    lastFailure: failure,
    executionDeadline: undefined,
    cronTime: undefined,
  };
  const log = createRunLog('knows', [], 'run-knows', { continuation, firstRunId: 'first', attempt: 2, cronSchedule: '@hourly' });
  expect(lines(await log.run(engine, { suggested: true }))).toEqual([
    'complete [2,"first","before","@hourly",7,"ApplicationFailure: away",true]',
  ]);
  const alone = createRunLog('knows');
  expect(lines(await alone.run(engine))).toEqual([`complete [1,"${alone.runId}",null,null,null,null,false]`]);
});
