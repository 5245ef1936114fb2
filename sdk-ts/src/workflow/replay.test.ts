// Code that does not fit the log is found, and the error says where and what to do.

import { History } from '@perdure/proto/perdure/api/v1/event';
import { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { engineFor } from '../../test/support/engine.ts';
import { createRunLog, lines, type RunLog } from '../../test/support/run-log.ts';
import { failureToError, NondeterminismError } from '../common/failure.ts';
import { defaultPayloadConverter } from '../common/payload-converter.ts';
import type { EngineAnswer, WorkflowEngine } from '../worker/engine.ts';

let engine: WorkflowEngine;
let strict: WorkflowEngine;
beforeAll(async () => {
  engine = await engineFor('basic.ts');
  strict = await engineFor('basic.ts', { strict: true });
}, 20_000);
afterAll(async () => {
  await engine.close();
  await strict.close();
});

/** Replays the events of one run as those of another workflow type or input. */
async function replayAs(log: RunLog, type: string, on = engine, change: (log: RunLog) => void = () => {}): Promise<EngineAnswer> {
  const task = log.task({ full: true });
  const events = History.decode(task.history).events;
  const first = events[0]?.attributes;
  if (first?.$case === 'workflowStarted') first.value.workflowType = type;
  change({ ...log, events });
  on.evict(log.runId);
  return await on.activate({ ...task, workflowType: type, history: History.encode({ events }).finish() });
}

test('R-REPLAY-4: events that name another completion are no part of a block', async () => {
  const log = createRunLog('hello', ['x']);
  await log.run(engine);
  // As the service writes by itself.
  log.add({ $case: 'workflowPropertiesUpserted', value: { completedEventId: 0n, memo: {}, searchAttributes: {} } });
  log.completeActivity(1, 'y');
  engine.evict(log.runId);
  expect(lines(await log.run(engine))).toEqual(['complete "y"']);
});

test('R-REPLAY-4: another step: names event, both steps with their places and builds, and how to fix it', async () => {
  const log = createRunLog('hello', ['x']);
  await log.run(engine);
  log.completeActivity(1, 'y');
  const answer = await replayAs(log, 'napping');
  if (answer.kind !== 'failed') throw new Error(answer.kind);
  expect(answer.cause).toBe(WorkflowTaskFailureCause.NONDETERMINISM);
  const { message } = answer.failure;
  expect(message).toContain('at event 3 (step 1 of the task completed at event 2)');
  expect(message).toMatch(/Recorded: schedule activity 1 "greet" at sdk-ts\/test\/workflows\/basic\.ts:\d+:\d+ \[build build-1\]/);
  expect(message).toMatch(/Produced: start timer 1 \(30000 ms\) at sdk-ts\/test\/workflows\/basic\.ts:\d+:\d+ \[build build-2\]/);
  expect(message).toContain('To fix:');
  expect(answer.failure.info).toMatchObject({ value: { type: 'NondeterminismError' } });
  const place = expect.stringMatching(/^sdk-ts\/test\/workflows\/basic\.ts:\d+:\d+$/);
  const error = failureToError(answer.failure, defaultPayloadConverter);
  expect(error).toBeInstanceOf(NondeterminismError);
  expect(error).toMatchObject({
    message,
    eventId: 3,
    taskEventId: 2,
    position: 1,
    recorded: { step: 'schedule activity 1 "greet"', callSite: place },
    produced: { step: 'start timer 1 (30000 ms)', callSite: place },
    recordedBuildId: 'build-1',
    producedBuildId: 'build-2',
    howToFix: expect.stringContaining('run the recorded code again'),
  });
});

test('R-REPLAY-4: fewer and more steps than recorded are differences too', async () => {
  const log = createRunLog('hello', ['x']);
  await log.run(engine);
  const fewer = await replayAs(log, 'summing');
  if (fewer.kind !== 'failed') throw new Error(fewer.kind);
  expect(fewer.failure.message).toContain('Produced: nothing [build build-2]');
  expect(failureToError(fewer.failure, defaultPayloadConverter)).toMatchObject({ eventId: 3, produced: undefined });
  const quiet = createRunLog('summing', [1]);
  await quiet.run(engine);
  const more = await replayAs(quiet, 'hello');
  if (more.kind !== 'failed') throw new Error(more.kind);
  expect(more.failure.message).toContain('Recorded: nothing');
});

test('strict replay compares inputs, ordinary replay does not', async () => {
  const log = createRunLog('hello', ['x']);
  await log.run(engine);
  const change = ({ events }: RunLog): void => {
    const scheduled = events[2]?.attributes;
    if (scheduled?.$case === 'activityScheduled')
      scheduled.value.input = [{ encoding: 'json/plain', data: new TextEncoder().encode('"other"'), metadata: {} }];
  };
  expect(await replayAs(log, 'hello', engine, change)).toMatchObject({ kind: 'completed' });
  const answer = await replayAs(log, 'hello', strict, change);
  if (answer.kind !== 'failed') throw new Error(answer.kind);
  expect(answer.failure.message).toContain('argument 1 differs');
});

test('R-REPLAY-4: events caused by commands are not part of the block', async () => {
  const log = createRunLog('hello', ['x']);
  await log.run(engine);
  log.cancel();
  const first = await log.run(engine);
  expect(lines(first)).toEqual(['cancel activity 1']);
  // Was not running: closed at once, behind the command events, unseen.
  log.cancelActivity(1);
  engine.evict(log.runId);
  expect(lines(await log.run(engine))).toEqual(['cancel']);
});

test('R-REPLAY-7: a run cached at another base is not used', async () => {
  const log = createRunLog('summing', [3]);
  await log.run(engine);
  log.signal('add', 1);
  const of = log.task();
  const lost = await engine.activate(of);
  if (lost.kind !== 'completed') throw new Error(lost.kind);
  // The answer got lost, the completion is committed: the cached run does not know its base.
  log.append(lost.completion, of);
  log.signal('add', 2);
  expect(await engine.activate(log.task())).toEqual({ kind: 'needHistory' });
  expect(lines(await log.run(engine, { full: true }))).toEqual(['complete 3']);
});

test('R-REPLAY-7: events that the cached run has seen are not shown again', async () => {
  const log = createRunLog('summing', [3]);
  await log.run(engine);
  log.signal('add', 1);
  await log.run(engine);
  log.signal('add', 1);
  // The whole history although the run is cached at this base.
  expect(lines(await log.run(engine, { full: true }))).toEqual([]);
  expect(await log.query(engine, 'total')).toBe(2);
});

test('an event of a later version fails the task and says so', async () => {
  const log = createRunLog('summing', [3]);
  await log.run(engine);
  log.signal('add', 1);
  const task = log.task();
  // Field 79 of HistoryEvent does not exist yet: an id, and an empty message in that field.
  const unknown = Uint8Array.from([10, 5, 8, 5, 0xfa, 0x04, 0]);
  const history = new Uint8Array([...task.history, ...unknown]);
  const answer = await engine.activate({ ...task, history, seenEventId: 5n });
  expect(answer).toMatchObject({ kind: 'failed', failure: { message: 'event 5 is of a kind this version of the SDK does not know' } });
});

test('R-REPLAY-1: a history of 20 000 events is replayed', { timeout: 30_000 }, async () => {
  const log = createRunLog('summing', [1_000_000]);
  const empty = WorkflowTaskCompletion.create();
  for (let block = 0; block < 2_000; block += 1) {
    for (let n = 0; n < 9; n += 1) log.signal('add', 1);
    const seenEventId = BigInt(log.events.length);
    log.append(empty, { seenEventId, startedTime: log.events.at(-1)?.time, historyBytes: 0n, continueAsNewSuggested: false });
  }
  expect(log.events.length).toBeGreaterThan(20_000);
  expect(await log.query(engine, 'total')).toBe(18_000);
});
