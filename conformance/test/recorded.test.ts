// Recorded histories are what SHA256SUMS says: changing one is a decision, with its reason in the changelog.
import { expect, test } from 'vitest';
import { actualSums, record, recordedRuns, statedSums } from '../harness/recorded.ts';

test('recorded histories are as their digests say (conformance -- --record --reason text)', () => {
  expect(Object.fromEntries(statedSums())).toEqual(Object.fromEntries(actualSums()));
});

test('a recorded history is not changed without a reason', () => {
  const [name = ''] = statedSums().keys();
  const [feature = '', run = ''] = name.split('.');
  const before = recordedRuns(feature).get(run);
  expect(() => record(feature, run, Uint8Array.of(1), [])).toThrow(`${name} is recorded already: to change it say why`);
  expect(recordedRuns(feature).get(run)).toEqual(before);
});
