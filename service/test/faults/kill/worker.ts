/** The worker process of the kill test: node worker.ts <address> <file of executions>. */
import { Worker } from '@perdure/sdk/worker';
import * as activities from './activities.ts';

const worker = await Worker.create({
  address: process.argv[2] ?? '',
  taskQueue: 'kill',
  workflows: new URL('./workflows.ts', import.meta.url),
  activities,
});
process.on('SIGTERM', () => void worker.shutdown());
await worker.run();
