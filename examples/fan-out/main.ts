// 100 activities at once.   node examples/fan-out/main.ts
import { runExample, show } from '../run.ts';
import * as activities from './activities.ts';
import { countAll } from './workflows.ts';

const pages = Array.from({ length: 100 }, (_, at) => `/pages/${at + 1}`);

await runExample('fan-out', { workflows: new URL('./workflows.ts', import.meta.url), activities }, async ({ client, taskQueue, fresh }) => {
  const run = await client.start(countAll, { workflowId: fresh('count'), taskQueue, args: [pages] });
  // 1 + 2 + … + 100, without the 13 that cannot be read.
  show('words', await run.result(), { words: 5_050 - 13, unread: { '/pages/13': 'there is no page /pages/13' } });
});
