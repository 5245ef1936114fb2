// What mechanical mutants are made of, and which tests can notice them: stages, cheapest first. A mutant that one stage notices does not reach the next.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export const root: string = join(import.meta.dirname, '../..');

export interface Target {
  readonly name: string;
  readonly files: readonly string[];
  /** Paths of test files, from the root. */
  readonly stages: readonly (readonly string[])[];
}

const core = 'service/src/core';
const sdk = 'sdk-ts/src/workflow';
const REPLAYER = ['activation', 'replay', 'condition', 'scope', 'timer', 'activity', 'signal', 'query'];
const PROPERTIES = `${core}/properties.test.ts`;

/** Of the sources in this folder. */
export function targets(sources: string): Target[] {
  const listed = (folder: string, pattern: RegExp): string[] =>
    readdirSync(join(sources, folder))
      .filter((name) => pattern.test(name))
      .map((name) => `${folder}/${name}`);
  const own = listed(core, /\.test\.ts$/);
  return [
    {
      name: 'core',
      files: listed(core, /(?<!\.test)\.ts$/),
      stages: [
        own.filter((file) => file !== PROPERTIES),
        [PROPERTIES],
        // Who calls the core; the last holds its limits to docs/limits.md.
        [
          'service/src/history/service.test.ts',
          'service/src/history/claims.test.ts',
          'service/src/frontend/service.test.ts',
          'service/test/tidy/docs.test.ts',
        ],
      ],
    },
    {
      name: 'replayer',
      files: REPLAYER.map((name) => `${sdk}/${name}.ts`),
      stages: [
        listed(sdk, /\.test\.ts$/),
        ['sandbox/replay.property', 'sandbox/sandbox', 'worker/worker', 'worker/workflows'].map((name) => `sdk-ts/src/${name}.test.ts`),
      ],
    },
  ];
}

/** The SDK makes the bundle of its library once per process: its tests need a new one for every change. */
export function needsNewProcess(test: string): boolean {
  return test.startsWith('sdk-ts/');
}
