// The worker process of a measurement: the SDK with its defaults, the sandbox on. Address by argument.
import { Worker } from '@perdure/sdk/worker';
import * as activities from './activities.ts';
import { TASK_QUEUE } from './scenarios.ts';

const worker = await Worker.create({
  address: process.argv[2] ?? '127.0.0.1:7233',
  taskQueue: TASK_QUEUE,
  workflows: new URL('./workflows.ts', import.meta.url),
  activities,
});
process.on('SIGTERM', () => void worker.shutdown());
const running = worker.run();
process.send?.('ready');
await running;
process.disconnect?.();
