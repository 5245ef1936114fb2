// Holds the direction of imports.
import { expect, test } from 'vitest';
import { importViolations } from './imports.ts';
import { isTest, sources } from './sources.ts';

test('imports go one way', () => {
  const files = [...sources('service/src'), ...sources('sdk-ts/src')].filter(({ path }) => !isTest(path));
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
