/** Limits of a run's log to the last event and byte, and what their refusals say to programs. The scripts come near them only. */
import { expect, test } from 'vitest';
import { folds } from './fold.ts';
import { MAX_HISTORY_BYTES, MAX_HISTORY_EVENTS, MAX_SIGNALS } from './limits.ts';
import { checkRoom, signal } from './signal.ts';
import { emptyState, type RunState } from './state.ts';
import { newTransition } from './transition.ts';

const identity = { namespaceId: 'n', workflowId: 'w', runId: 'r' };
const stateWith = (fields: Partial<RunState>): RunState => ({ ...emptyState(identity, 0), status: 1, ...fields });

test('the last event and the last byte are taken, one more is refused', () => {
  const full = { nextEventId: MAX_HISTORY_EVENTS, historyBytes: MAX_HISTORY_BYTES };
  expect(() => checkRoom(stateWith(full))).not.toThrow();
  expect(() => checkRoom(stateWith({ ...full, nextEventId: MAX_HISTORY_EVENTS + 1 }))).toThrow('51200 events, the limit is 51200');
  expect(() => checkRoom(stateWith({ ...full, historyBytes: MAX_HISTORY_BYTES + 1 }))).toThrow(`the limit is ${MAX_HISTORY_BYTES}`);
});

test('refusals name what a program needs', () => {
  const env = { now: 1, newId: () => '' };
  const input = { signalName: 's', input: [], header: undefined, requestId: '', identity: '' };
  const send = (state: RunState) => () => signal(newTransition(state, env, folds), input);
  const most = { field: 'signals', size: String(MAX_SIGNALS), limit: String(MAX_SIGNALS) };
  expect(send(stateWith({ signals: MAX_SIGNALS }))).toThrow(expect.objectContaining({ reason: 'LIMIT_REACHED', metadata: most }));
  const closed = { reason: 'WORKFLOW_CLOSED', metadata: { workflow_id: 'w', run_id: 'r', status: 'COMPLETED' } };
  expect(send(stateWith({ status: 2 }))).toThrow(expect.objectContaining(closed));
});
