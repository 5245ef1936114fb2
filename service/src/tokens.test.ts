/** Tokens: only what this service made for this purpose opens. */
import { SignedToken } from '@perdure/proto/perdure/server/v1/token';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PerdureError } from './errors.ts';
import {
  openActivityToken,
  openPageToken,
  openToken,
  openWorkflowToken,
  signActivityToken,
  signPageToken,
  signWorkflowToken,
} from './tokens.ts';

const key = new Uint8Array(32).fill(7);
const activity = {
  namespaceId: 'n',
  workflowId: 'w',
  runId: 'r',
  number: 3,
  attempt: 2,
  startNumber: 1,
  baseEventId: 4n,
  endEventId: 9n,
  historyBytes: 512n,
  continueAsNewSuggested: true,
};
const workflow = {
  namespaceId: 'n',
  workflowId: 'w',
  runId: 'r',
  nonce: 'x',
  baseEventId: 4n,
  seenEventId: 9n,
  startedTimeMs: 1_700_000_000_000n,
  historyBytes: 512n,
  continueAsNewSuggested: true,
  queryOnly: false,
};
const page = { namespaceId: 'n', startTimeUs: 5n, runId: 'r', filterHash: Uint8Array.of(1, 2), nowMs: 5n };

function reasonOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof PerdureError ? error.reason : `not a PerdureError: ${error}`;
  }
  return 'accepted';
}

test('what was signed opens as it was', () => {
  expect(openWorkflowToken(key, signWorkflowToken(key, workflow))).toEqual(workflow);
  expect(openActivityToken(key, signActivityToken(key, activity))).toEqual(activity);
  const opened = openPageToken(key, signPageToken(key, page));
  expect({ ...opened, filterHash: Uint8Array.from(opened.filterHash) }).toEqual(page);
  expect(openToken(key, signActivityToken(key, activity)).kind).toBe('activityTask');
});

test('R-API-4: every changed bit, every cut and every other key is refused', () => {
  const bytes = signActivityToken(key, activity);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Uint8Array.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(reasonOf(() => openActivityToken(key, changed))).toBe('BAD_TOKEN');
  }
  for (let length = 0; length < bytes.length; length++) {
    expect(reasonOf(() => openActivityToken(key, bytes.subarray(0, length)))).toBe('BAD_TOKEN');
  }
  expect(reasonOf(() => openActivityToken(new Uint8Array(32).fill(8), bytes))).toBe('BAD_TOKEN');
});

test('a token of another kind is refused, also when its body is passed on under the other kind', () => {
  expect(reasonOf(() => openActivityToken(key, signWorkflowToken(key, workflow)))).toBe('BAD_TOKEN');
  expect(reasonOf(() => openWorkflowToken(key, signActivityToken(key, activity)))).toBe('BAD_TOKEN');
  expect(reasonOf(() => openPageToken(key, signActivityToken(key, activity)))).toBe('BAD_TOKEN');
  const signed = SignedToken.decode(signActivityToken(key, activity));
  const body = signed.body?.value ?? new Uint8Array(0);
  const relabelled = SignedToken.encode({ mac: signed.mac, body: { $case: 'workflowTask', value: body } }).finish();
  expect(reasonOf(() => openWorkflowToken(key, relabelled))).toBe('BAD_TOKEN');
});

test('random bytes are refused with the catalogue reason, never another error', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => reasonOf(() => openToken(key, bytes)) === 'BAD_TOKEN'));
  expect(reasonOf(() => openToken(key, new Uint8Array(1_000_000)))).toBe('BAD_TOKEN');
});
