// Holds docs/conformance.md, the features and the rules to each other.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DOCUMENT, readCoverage, readRules } from '../harness/coverage.ts';
import { featureNames, loadFeature } from '../harness/features.ts';

const coverage = readCoverage();

test('docs/conformance.md says what the features say (npm run conformance:coverage)', () => {
  expect(readFileSync(DOCUMENT, 'utf8')).toBe(coverage.document);
});

test('features and void cells cite rules that exist, and not both the same cell', () => {
  expect(readRules().length).toBeGreaterThan(80);
  expect(coverage.wrong).toEqual([]);
});

test('finished areas have no empty cell', () => {
  expect(coverage.missing).toEqual([]);
});

test('an unknown rule and an empty cell are noticed', () => {
  const [name = ''] = featureNames();
  const feature = loadFeature(name);
  // In pieces, for the tidy tests look for citations too.
  const rule = ['R', 'NONE', '1'].join('-');
  const { wrong, empty } = readCoverage([{ ...feature, rules: [{ rule, kind: 'happy' }] }]);
  expect(wrong).toEqual([`${name}: there is no rule ${rule}`]);
  expect(empty).toContain('R-ACT-2 (failure)');
});
