// Children and requests to other workflows: what the code sees, live and on replay.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { engineFor } from '../../test/support/engine.ts';
import { type Attributes, createRunLog, lines, type RunLog } from '../../test/support/run-log.ts';
import type { WorkflowEngine } from '../worker/engine.ts';

let engine: WorkflowEngine;
beforeAll(async () => {
  engine = await engineFor('children.ts');
}, 20_000);
afterAll(() => engine.close());

const scheduledEventId = 3n;
const started = (number = 1): Attributes => ({ $case: 'childWorkflowStarted', value: { number, scheduledEventId, runId: 'first' } });
const canceled = (runId: string): Attributes => ({
  $case: 'childWorkflowCanceled',
  value: { number: 1, scheduledEventId, runId, details: [] },
});
const delivered = (number: number): Attributes => ({ $case: 'externalCancelDelivered', value: { number, scheduledEventId } });

/** The commands of the next task, run twice: from the cache, and from the first event. */
async function next(log: RunLog): Promise<string[]> {
  const { answer } = { answer: await log.run(engine) };
  engine.evict(log.runId);
  return lines(answer);
}

const CANCELLED = '"ChildWorkflowFailure < CancelledFailure"';

test('R-CHILD-6: a started child is waited for, asked, or left, as its type says', async () => {
  const expected = {
    wait: [['cancel child 1'], canceled('last'), [`complete ${CANCELLED}`]],
    waitRequested: [['send 1 cancel to child 1'], delivered(1), [`complete ${CANCELLED}`]],
    try: [['cancel child 1', `complete ${CANCELLED}`]],
    abandon: [[`complete ${CANCELLED}`]],
  } as const;
  for (const [type, [asked, event, end]] of Object.entries(expected)) {
    const log = createRunLog('cancels', [type, false]);
    expect(await next(log)).toEqual(['child 1 other(1)']);
    log.add(started());
    expect([type, await next(log)]).toEqual([type, asked]);
    if (event === undefined || end === undefined) continue;
    log.add(event);
    expect([type, await next(log)]).toEqual([type, end]);
  }
});

test('R-CHILD-6 R-CHILD-3: one that was asked for in the same task is never started, and nobody is asked', async () => {
  for (const type of ['wait', 'waitRequested']) {
    const log = createRunLog('cancels', [type, true]);
    expect([type, await next(log)]).toEqual([type, ['child 1 other(1)', 'cancel child 1']]);
    log.add(canceled(''));
    expect([type, await next(log)]).toEqual([type, [`complete ${CANCELLED}`]]);
  }
  expect(await next(createRunLog('cancels', ['try', true]))).toEqual(['child 1 other(1)', 'cancel child 1', `complete ${CANCELLED}`]);
  expect(await next(createRunLog('cancels', ['abandon', true]))).toEqual(['child 1 other(1)', `complete ${CANCELLED}`]);
});

test('R-REPLAY-6: with wait a result that comes all the same is taken', async () => {
  const log = createRunLog('cancels', ['wait', false]);
  await next(log);
  log.add(started());
  await next(log);
  log.add({ $case: 'childWorkflowCompleted', value: { number: 1, scheduledEventId, runId: 'last', result: undefined } });
  expect(await next(log)).toEqual(['complete "undefined"']);
});

test('R-EXT-1 R-EXT-2 R-EXT-3: requests are answered each by its own number', async () => {
  const log = createRunLog('sends');
  expect(await next(log)).toEqual(['child 1 other(7)']);
  log.add(started());
  expect(await next(log)).toEqual(['send 1 go to child 1', 'send 2 stop to else', 'send 3 cancel to else']);
  log.add({ $case: 'externalSignalFailed', value: { number: 2, scheduledEventId, reason: 'WORKFLOW_NOT_FOUND', message: 'none' } });
  log.add(delivered(3));
  log.add({ $case: 'externalSignalDelivered', value: { number: 1, scheduledEventId } });
  expect(await next(log)).toEqual([]);
  log.add({ $case: 'childWorkflowCompleted', value: { number: 1, scheduledEventId, runId: 'last', result: undefined } });
  expect(await next(log)).toEqual(['complete ["delivered","WORKFLOW_NOT_FOUND","delivered","mine","first","undefined"]']);
});

test('R-CHILD-1 R-CHILD-2: each end of a child is a failure with its cause', async () => {
  const log = createRunLog('fails');
  const ends: Attributes[] = [
    { $case: 'childWorkflowFailed', value: { number: 1, scheduledEventId, runId: 'last', failure: undefined } },
    { $case: 'childWorkflowTimedOut', value: { number: 2, scheduledEventId, runId: 'last', timeoutType: 5 } },
    { $case: 'childWorkflowTerminated', value: { number: 3, scheduledEventId, runId: 'last', reason: '', details: [], identity: '' } },
    { $case: 'childWorkflowStartFailed', value: { number: 4, scheduledEventId, reason: 'WORKFLOW_ALREADY_STARTED', message: 'taken' } },
  ];
  for (const [index, end] of ends.entries()) {
    expect(await next(log)).toEqual([`child ${index + 1} other(${index})`]);
    if (index < 3) log.add(started(index + 1));
    log.add(end);
  }
  expect(await next(log)).toEqual([
    `complete ${JSON.stringify([
      ['other', true, 'last', 'ChildWorkflowFailure < -'],
      ['other', true, 'last', 'ChildWorkflowFailure < TimeoutFailure'],
      ['other', true, 'last', 'ChildWorkflowFailure < TerminatedFailure'],
      ['other', true, '', 'ChildWorkflowFailure < ServiceFailure'],
    ])}`,
  ]);
});

test('wrong options are refused before anything is asked for', async () => {
  const [end = ''] = await next(createRunLog('refused'));
  expect(JSON.parse(end.replace('complete ', ''))).toEqual([
    'parentClosePolicy: "never" is not one of terminate, requestCancel, abandon',
    'cancellationType: "maybe" is not one of wait, waitRequested, try, abandon',
    'child workflow: must not be empty',
    'workflowId: must not be empty',
    'workflowId: must not be empty',
  ]);
});
