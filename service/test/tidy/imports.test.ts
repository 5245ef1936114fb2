// Holds the direction of imports.
import { expect, test } from 'vitest';
import { importViolations } from './imports.ts';
import { importsOf, isTest, type Source, sources } from './sources.ts';

test('imports go one way', () => {
  const files = [...sources('service/src'), ...sources('sdk-ts/src'), ...sources('testing/src')].filter(({ path }) => !isTest(path));
  expect(files.length).toBeGreaterThan(5);
  expect(importViolations(files)).toEqual([]);
});

test.each([
  ['service/src/core/timer.ts', `import { env } from '../env.ts';`],
  ['service/src/core/timer.ts', `import { readFileSync } from 'node:fs';`],
  ['service/src/history/lane.ts', `import pg from 'pg';`],
  ['service/src/history/lane.ts', `import { createMemoryStore } from '../store/memory/store.ts';`],
  ['service/src/history/lane.ts', `import type { Queue } from '../matching/match.ts';`],
  ['service/src/frontend/start.ts', `export { x } from '../history/service.ts';`],
  ['service/src/store/memory/store.ts', `import { Client } from 'pg';`],
  ['service/src/rpc/server.ts', `const { history } = await import('../history/service.ts');`],
  ['service/src/cli/table.ts', `import {\n  a,\n  b,\n} from '@grpc/grpc-js';`],
  ['service/src/surprise/file.ts', ''],
  ['sdk-ts/src/workflow/timer.ts', `import { randomUUID } from 'node:crypto';`],
  ['sdk-ts/src/common/failure.ts', `import 'node:util';`],
  ['sdk-ts/src/workflow/timer.ts', `import { connect } from '../worker/worker.ts';`],
  ['sdk-ts/src/client/client.ts', `import lodash from 'lodash';`],
])('%s is refused: %s', (path, text) => {
  expect(importViolations([{ path, text }])).toHaveLength(1);
});

test.each([
  ['service/src/core/timer.ts', `import { Timer } from '@perdure/proto/perdure/api/v1/timer';\nimport { step } from './step.ts';`],
  ['service/src/history/lane.ts', `import type { Store } from '../store/store.ts';\n// import pg from 'pg'`],
  ['service/src/store/postgres/commit.ts', `import pg from 'pg';`],
])('%s is accepted: %s', (path, text) => {
  expect(importViolations([{ path, text }])).toEqual([]);
});

/** Packages that loading a file loads, by the files that import them. Types load nothing. */
function loaded(entry: string): Map<string, string> {
  const files = new Map([...sources('service/src')].map((file) => [file.path, file]));
  const packages = new Map<string, string>();
  const seen = new Set<string>();
  const visit = (path: string): void => {
    const file = files.get(path);
    if (file === undefined || seen.has(path)) return;
    seen.add(path);
    for (const target of importsOf(withoutTypes(file))) {
      if (target.startsWith('service/')) visit(target);
      else packages.set(target.startsWith('@') ? target.split('/').slice(0, 2).join('/') : target, path);
    }
  };
  visit(entry);
  return packages;
}

function withoutTypes({ path, text }: Source): Source {
  return { path, text: text.replace(/^(?:import|export) type [^;]*;/gm, '') };
}

test('the engine loads nothing heavy: tests of workflows start with it', () => {
  const light = ['@bufbuild/protobuf', '@perdure/proto', 'node:crypto', 'node:v8'];
  expect([...loaded('service/src/engine.ts')].filter(([name]) => !light.includes(name))).toEqual([]);
  expect(loaded('service/src/server.ts').has('@grpc/grpc-js')).toBe(true);
});
