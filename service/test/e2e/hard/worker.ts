/** The worker process of the hard cases: node worker.ts <address> <task queue> <workflows, '' for none> <options as JSON>. */
import { Worker } from '@perdure/sdk/worker';
import * as activities from './activities.ts';

const [address = '', taskQueue = '', workflows = '', options = '{}'] = process.argv.slice(2);
const worker = await Worker.create({
  address,
  taskQueue,
  ...(workflows === '' ? {} : { workflows: new URL(workflows, import.meta.url) }),
  activities,
  ...(JSON.parse(options) as object),
});
console.log(`polls ${taskQueue}`);
await worker.run();
