// Runs the whole suite with the TypeScript SDK against a service of its own; each feature is a test.
import { beforeAll, expect, test } from 'vitest';
import { featureNames } from '../harness/features.ts';
import { type Result, runSuite } from '../harness/suite.ts';

const results = new Map<string, Result>();

beforeAll(async () => {
  for (const result of await runSuite({ sdk: 'ts' }, () => {})) results.set(result.feature, result);
}, 280_000);

test.for(featureNames())('%s', (name, context) => {
  const result = results.get(name);
  context.skip(result?.verdict === 'skipped', result?.notes.join(': '));
  expect(result?.verdict, result?.notes.join('\n')).toBe('passed');
});
