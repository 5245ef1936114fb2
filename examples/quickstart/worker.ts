// A worker: the process that runs your workflow and activity code. Start as many as you like.
//   node examples/quickstart/worker.ts
import { Worker } from '@perdure/sdk/worker';
import * as activities from './activities.ts';

const worker = await Worker.create({
  address: process.env.PERDURE_ADDRESS ?? '127.0.0.1:7233',
  taskQueue: 'quickstart',
  workflows: new URL('./workflows.ts', import.meta.url),
  activities,
});
console.log('The worker polls the task queue "quickstart". Ctrl-C stops it.');
await worker.run();
