/** The worker process of the end-to-end tests: node worker.ts <address> <task queue> [<workflows>]. */
import { Worker } from '@perdure/sdk/worker';
import * as activities from './activities.ts';

const [address = '', taskQueue = '', workflows = './workflows.ts'] = process.argv.slice(2);
const worker = await Worker.create({ address, taskQueue, workflows: new URL(workflows, import.meta.url), activities });
await worker.run();
