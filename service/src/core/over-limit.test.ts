/** R-LIMIT-2: a run that is full says so, with field, size and limit for programs too. Scripts show that it goes on (testdata/limits.txt). */
import { expect, test } from 'vitest';
import { MAX_HISTORY_BYTES, MAX_HISTORY_EVENTS } from './limits.ts';
import { checkRoom } from './signal.ts';
import { emptyState } from './state.ts';

const identity = { namespaceId: 'n', workflowId: 'w', runId: 'r' };

test('a log without room refuses what is neither result nor close', () => {
  expect(() => checkRoom({ ...emptyState(identity, 0), nextEventId: MAX_HISTORY_EVENTS, historyBytes: MAX_HISTORY_BYTES })).not.toThrow();
  const refusal = (state: object): unknown => {
    try {
      checkRoom({ ...emptyState(identity, 0), ...state });
    } catch (error) {
      return error;
    }
    return undefined;
  };
  expect(refusal({ nextEventId: MAX_HISTORY_EVENTS + 1 })).toMatchObject({
    reason: 'LIMIT_REACHED',
    message: 'history: 51200 events, the limit is 51200',
    metadata: { field: 'history', size: '51200', limit: '51200' },
  });
  expect(refusal({ historyBytes: MAX_HISTORY_BYTES + 1 })).toMatchObject({
    reason: 'LIMIT_REACHED',
    metadata: { field: 'history', size: String(MAX_HISTORY_BYTES + 1), limit: String(MAX_HISTORY_BYTES) },
  });
});
