/** The last value that still counts, and what a state keeps of the past: too small for the scripts to show. */
import type { Mark } from '@perdure/proto/perdure/server/v1/mark';
import { expect, test } from 'vitest';
import { activityOf, isStartMarkWanted } from './activity.ts';
import { folds } from './fold.ts';
import { decodeFrame } from './frames.ts';
import { HISTORY_GRACE, MAX_HISTORY_BYTES, SUGGEST_CONTINUE_BYTES, SUGGEST_CONTINUE_EVENTS } from './limits.ts';
import { type Activity, emptyState, type RunState } from './state.ts';
import { settleOnly } from './step.ts';
import { newTransition } from './transition.ts';
import { claimTask, dueTask } from './workflow-task.ts';

const identity = { namespaceId: 'n', workflowId: 'w', runId: 'r' };
const stateWith = (fields: Partial<RunState>): RunState => ({ ...emptyState(identity, 0), status: 1, ...fields });
const env = { now: 1_000, newId: () => '00000000-0000-7000-8000-000000000001' };
const worker = { workerId: 'w-1', identity: 'me@host', buildId: '', sdkName: '', sdkVersion: '' };

/** Whether the task of such a run suggests to continue as new. */
function suggested(fields: Partial<RunState>): boolean | undefined {
  const state = stateWith(fields);
  state.task.lastDelivered = 1;
  return claimTask(newTransition(state, env, folds), { claimId: 'c', worker, committedEventId: 1 })?.suggested;
}

test('to continue as new is suggested from the limit on, not before', () => {
  expect(suggested({ nextEventId: SUGGEST_CONTINUE_EVENTS })).toBe(false);
  expect(suggested({ nextEventId: SUGGEST_CONTINUE_EVENTS + 1 })).toBe(true);
  expect(suggested({ historyBytes: SUGGEST_CONTINUE_BYTES })).toBe(false);
  expect(suggested({ historyBytes: SUGGEST_CONTINUE_BYTES + 1 })).toBe(true);
});

test('a log may have a tenth more bytes than its limit, and not one more', () => {
  const most = Math.floor(MAX_HISTORY_BYTES * HISTORY_GRACE);
  const ended = (historyBytes: number): string[] => {
    const state = stateWith({ historyBytes });
    return settleOnly(state, env).events.map(({ frame }) => decodeFrame(frame).attributes?.$case ?? '');
  };
  expect(ended(most)).toEqual([]);
  expect(ended(most + 1)).toEqual(['workflowTerminated']);
});

test('a task that timed out names its worker by its identity, or else by its id', () => {
  const message = (of: typeof worker): string => {
    const state = stateWith({ taskTimeoutMs: 10_000 });
    state.task.lastDelivered = 1;
    claimTask(newTransition(state, env, folds), { claimId: 'c', worker: of, committedEventId: 1 });
    dueTask(newTransition(state, { ...env, now: 20_000 }, folds));
    return state.task.failure?.message ?? '';
  };
  expect(message(worker)).toContain('(worker me@host)');
  expect(message({ ...worker, identity: '' })).toContain('(worker w-1)');
});

test('R-ACT-5: the mark of a start is written only while that start still says something', () => {
  const value = { number: 1, attempt: 2, startNumber: 3, identity: '', workerId: '', claimId: '' };
  const mark: Mark = { afterEventId: 1n, time: undefined, attributes: { $case: 'activityAttemptStarted', value } };
  const wanted = (fields: Partial<Activity>): boolean => {
    const activity = { number: 1, attempt: 2, startNumber: 3, startedAt: 500, ...fields } as Activity;
    return isStartMarkWanted(stateWith({ activities: new Map([[1, activity]]) }), mark);
  };
  expect(wanted({})).toBe(true);
  expect(wanted({ startedAt: 0 })).toBe(false);
  expect(wanted({ attempt: 3 })).toBe(false);
  expect(wanted({ startNumber: 4 })).toBe(false);
  expect(isStartMarkWanted(stateWith({}), mark)).toBe(false);
});

test('R-ACT-6: of an attempt that has begun only the hand-out that began it counts; before, any that is not older', () => {
  const token = { number: 1, attempt: 2, startNumber: 3 };
  const found = (fields: Partial<Activity>): boolean => {
    const activity = { number: 1, attempt: 2, startNumber: 3, startedAt: 500, ...fields } as Activity;
    return activityOf(stateWith({ activities: new Map([[1, activity]]) }), token) === activity;
  };
  expect(found({})).toBe(true);
  expect(found({ startNumber: 2 })).toBe(false);
  expect(found({ startNumber: 4 })).toBe(false);
  expect(found({ startNumber: 2, startedAt: 0 })).toBe(true);
  expect(found({ startNumber: 4, startedAt: 0 })).toBe(false);
  expect(found({ attempt: 1 })).toBe(false);
});
