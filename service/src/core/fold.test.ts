// What is not a log is refused, and marks that say nothing any more change nothing.
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { Failure } from '@perdure/proto/perdure/api/v1/failure';
import type { Mark } from '@perdure/proto/perdure/server/v1/mark';
import { ActivityTaskToken, WorkflowTaskToken } from '@perdure/proto/perdure/server/v1/token';
import { expect, test } from 'vitest';
import { completionOf } from '../../test/support/core/commands.ts';
import { leftOut, plain } from '../../test/support/core/plain.ts';
import { apply, foldLog, newRun, type Run, worker } from '../../test/support/core/run.ts';
import { foldEvent, foldMark } from './fold.ts';
import type { RunState } from './state.ts';

const input = {
  namespaceId: '',
  workflowId: 'order-7',
  workflowType: 'order',
  taskQueue: 'main',
  input: [],
  header: undefined,
  requestId: '',
  identity: '',
  conflictPolicy: 1,
  retryPolicy: undefined,
  cronSchedule: '',
  reusePolicy: 1,
  runTimeoutMs: 0,
  executionTimeoutMs: 0,
  taskTimeoutMs: 10_000,
  startDelayMs: 0,
  memo: {},
  searchAttributes: {},
  retentionMs: 0,
} as const;

/** A run of four events whose activity 1 is at its second attempt. */
function begun(): Run {
  const run = newRun();
  apply(run, 'start', { ...input, input: [] });
  apply(run, 'claimTask', { claimId: 'c1', worker: worker('w1'), committedEventId: 1 });
  const nonce = run.state.live.flight?.nonce ?? '';
  const completion = completionOf('schedule 1 run=10s ; timer 1 1h');
  apply(run, 'completeTask', { token: WorkflowTaskToken.create({ nonce }), completion, worker: worker('w1') });
  apply(run, 'claimActivity', { number: 1, attempt: 1, claimId: 'c2', worker: worker('w1') });
  const failed = { $case: 'failed', value: Failure.create({ message: 'away' }) } as const;
  apply(run, 'completeActivity', {
    token: ActivityTaskToken.create({ number: 1, attempt: 1, startNumber: 1 }),
    outcome: failed,
    worker: worker('w1'),
  });
  return run;
}

const signaled = (id: number): HistoryEvent => ({
  id: BigInt(id),
  time: undefined,
  attributes: { $case: 'workflowSignaled', value: { signalName: 'go', input: [], header: undefined, identity: '', requestId: '' } },
});

test('R-LOG-1 a gap is refused', () => {
  const { state } = begun();
  expect(() => foldEvent(state, signaled(6), 10)).toThrow('event 6 follows event 4');
  expect(() => foldEvent(state, signaled(4), 10)).toThrow('event 4 follows event 4');
  foldEvent(state, signaled(5), 10);
  expect(state.signals).toBe(1);
});

test('R-LOG-4 an event after the close is refused', () => {
  const run = begun();
  apply(run, 'terminate', { reason: '', details: [], identity: '', requestId: '' });
  expect(() => foldEvent(run.state, signaled(6), 10)).toThrow('event 6 follows the close of the run');
});

test('events and marks of kinds this version does not know are refused', () => {
  const { state } = begun();
  expect(() => foldEvent(state, { id: 5n, time: undefined, attributes: undefined }, 10)).toThrow('event 5 is of a kind');
  expect(() => foldMark(state, { afterEventId: 4n, time: undefined, attributes: undefined })).toThrow('a mark is of a kind');
});

const marksOf = (number: number, attempt: number): Mark['attributes'][] => [
  { $case: 'activityAttemptStarted', value: { number, attempt, startNumber: 1, identity: 'w9', workerId: 'w9', claimId: 'x' } },
  { $case: 'activityAttemptReturned', value: { number, attempt, startNumber: 1 } },
  { $case: 'activityAttemptFailed', value: { number, attempt, failure: undefined, nextAttemptMs: 5n, heartbeatDetails: undefined } },
  {
    $case: 'activityHeartbeatRecorded',
    value: { number, attempt, details: { encoding: 'json/plain', data: new Uint8Array(1), metadata: {} } },
  },
];

test.each([
  ['an attempt that has ended', 1, 1],
  ['an activity that has ended', 7, 1],
])('marks of %s change nothing', (_name, number, attempt) => {
  const run = begun();
  const text = (state: RunState): string => plain(state, leftOut(run));
  const before = text(run.state);
  for (const attributes of marksOf(number, attempt)) foldMark(run.state, { afterEventId: 4n, time: undefined, attributes });
  expect(text(run.state)).toBe(before);
  expect(text(foldLog(run, 0))).toBe(before);
});

test.each(marksOf(1, 2).map((attributes) => [attributes?.$case, attributes] as const))(
  '%s of the current attempt changes the state',
  (_name, attributes) => {
    const run = begun();
    const text = (): string => plain(run.state, leftOut(run));
    const before = text();
    foldMark(run.state, { afterEventId: 4n, time: { seconds: 9n, nanos: 0 }, attributes });
    expect(text()).not.toBe(before);
  },
);
