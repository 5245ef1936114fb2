// Threads that cannot even begin.

import { expect, test } from 'vitest';
import { fixture } from '../../test/support/engine.ts';
import { bundleWorkflows } from './bundle.ts';
import { createThreadEngine } from './threads.ts';

// Enough for the thread to load what it needs itself.
const patience = { warnMs: 500, failMs: 1_500, startMs: 6_000 };

test('a module that is evaluated without end is refused, with the place where it stands', async () => {
  const bundle = await bundleWorkflows(fixture('endless-module.ts'));
  const creating = createThreadEngine({ bundle, namespace: 'default', taskQueue: 'q', log: () => {}, patience });
  await expect(creating).rejects.toThrow(/not evaluated within 6 s\n.*endless-module\.ts:\d+/);
});
