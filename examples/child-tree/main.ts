// A tree of 40 workflows.   node examples/child-tree/main.ts
import { runExample, show } from '../run.ts';
import * as activities from './activities.ts';
import { countFiles } from './workflows.ts';

await runExample(
  'child-tree',
  { workflows: new URL('./workflows.ts', import.meta.url), activities },
  async ({ client, taskQueue, fresh }) => {
    const run = await client.start(countFiles, { workflowId: fresh('count'), taskQueue, args: ['root'] });
    // 1 + 3 + 9 + 27 folders of two files.
    show('files', await run.result(), 80);
  },
);
