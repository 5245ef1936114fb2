// Request ids a run remembers: R-SIGNAL-2.
import { expect, test } from 'vitest';
import { MAX_REQUEST_IDS, REQUEST_ID_MEMORY_MS } from './limits.ts';
import { rememberRequest } from './requests.ts';
import { emptyState } from './state.ts';

const fresh = () => emptyState({ namespaceId: '', workflowId: '', runId: '' }, 0);

test('R-SIGNAL-2 the newest are kept', () => {
  const state = fresh();
  for (let n = 0; n < MAX_REQUEST_IDS + 3; n += 1) rememberRequest(state, `r${n}`, 1_000);
  expect(state.requestIds.size).toBe(MAX_REQUEST_IDS);
  expect([...state.requestIds.keys()][0]).toBe('r3');
});

test('R-SIGNAL-2 those of the last day are kept, older ones go', () => {
  const state = fresh();
  rememberRequest(state, 'a', 0);
  rememberRequest(state, 'b', 1);
  rememberRequest(state, 'c', REQUEST_ID_MEMORY_MS);
  expect([...state.requestIds.keys()]).toEqual(['b', 'c']);
});

test('an empty request id is none', () => {
  const state = fresh();
  rememberRequest(state, '', 0);
  expect(state.requestIds.size).toBe(0);
});
