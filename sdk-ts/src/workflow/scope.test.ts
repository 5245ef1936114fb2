// Scopes and their parents: what is registered where, for how long.

import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createRunLog } from '../../test/support/run-log.ts';
import { defaultPayloadConverter } from '../common/payload-converter.ts';
import { cancelScope } from './cancellation.ts';
import { createRun } from './create-run.ts';
import { type Run, type ScopeNode, setActive, setHost } from './run.ts';
import { CancellationScope } from './scope.ts';

let run: Run;
beforeAll(() => {
  const scopes = new AsyncLocalStorage<ScopeNode>();
  setHost({
    runInScope: (scope, fn) => scopes.run(scope, fn),
    currentScope: () => scopes.getStore(),
    log: () => {},
    captureSite: () => ({ stack: '' }),
    placeOf: () => '',
  });
});
beforeEach(() => {
  const [started] = createRunLog('any').events;
  if (started === undefined) throw new Error('a log begins with an event');
  run = createRun(started, { namespace: 'default', converter: defaultPayloadConverter, failureTypes: new Set() });
  setActive(run);
});
afterAll(() => setActive(undefined));

test('a loop that makes scopes does not fill the list of their parent, also when it asks whenCancelled', async () => {
  for (let turn = 0; turn < 10; turn += 1) {
    const scope = new CancellationScope();
    await Promise.race([scope.whenCancelled, scope.run(async () => turn)]);
  }
  expect(run.root.onCancel.size).toBe(0);
});

test('a scope that is used again is cancelled with its parent again', async () => {
  const scope = new CancellationScope();
  await scope.run(async () => 'once');
  const again = scope.run(() => scope.whenCancelled);
  cancelScope(run.root, new Error('enough'));
  await expect(again).rejects.toThrow('enough');
  expect(scope.cancelRequested).toBe(true);
});

test('what a scope was not told while nothing ran in it, it learns when it is used', async () => {
  const scope = new CancellationScope();
  await scope.run(async () => 'once');
  cancelScope(run.root, new Error('enough'));
  await expect(scope.whenCancelled).rejects.toThrow('enough');
});
