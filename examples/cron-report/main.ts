// A report every second; in earnest it would be "0 6 * * 1": Mondays at six, UTC.   node examples/cron-report/main.ts
import { runExample, show } from '../run.ts';
import * as activities from './activities.ts';
import { report } from './workflows.ts';

await runExample(
  'cron-report',
  { workflows: new URL('./workflows.ts', import.meta.url), activities },
  async ({ client, taskQueue, fresh }) => {
    const workflowId = fresh('report');
    const first = await client.start(report, { workflowId, taskQueue, args: [], cronSchedule: '@every 1s' });
    // Without `followRuns: false` it would wait for the end of the chain, which never comes by itself.
    show('first report', await first.result({ followRuns: false }), { number: 1, total: 100 });
    const { newRunId = '' } = await first.describe();
    const second = client.getHandle<typeof report>(workflowId, newRunId);
    show('second report', await second.result({ followRuns: false }), { number: 2, total: 201 });
    await client.getHandle(workflowId).terminate('enough reports');
  },
);
