// Code that changes under runs that are under way.   node examples/versioned/main.ts
import { runExample, show } from '../run.ts';
import * as activities from './activities.ts';
import { order, packed } from './before.ts';

const code = (file: string) => ({ workflows: new URL(file, import.meta.url), activities });
/** The workflow id of a run begun with the old code. */
let before = '';

await runExample('versioned', code('./before.ts'), async ({ client, taskQueue, fresh }) => {
  const run = await client.start(order, { workflowId: fresh('order'), taskQueue, args: ['a book'] });
  before = run.workflowId;
  // It has charged and waits to be packed when the new code is deployed.
  while ((await run.describe()).historyLength < 5) await new Promise((resolve) => setTimeout(resolve, 50));
});

await runExample('versioned', code('./after.ts'), async ({ client, taskQueue, fresh }) => {
  const begun = client.getHandle<typeof order>(before);
  await begun.signal(packed);
  show('begun with the old code', await begun.result(), ['charged for a book', 'shipped a book']);

  const run = await client.start(order, { workflowId: fresh('order'), taskQueue, args: ['a lamp'] });
  await run.signal(packed);
  show('begun with the new code', await run.result(), ['charged for a lamp', 'checked a lamp', 'shipped a lamp']);
});
