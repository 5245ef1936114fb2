// An activity that polls a slow service.   node examples/polling/main.ts
import { runExample, show } from '../run.ts';
import { render, slowService } from './activities.ts';
import { film } from './workflows.ts';

const code = { workflows: new URL('./workflows.ts', import.meta.url), activities: { render } };

await runExample('polling', code, async ({ client, taskQueue, fresh }) => {
  const run = await client.start(film, { workflowId: fresh('film'), taskQueue, args: ['metropolis'] });
  show('file', await run.result(), 'metropolis-1.mp4');
  show('jobs begun, though the first attempt failed half-way', slowService.begun, 1);
});
