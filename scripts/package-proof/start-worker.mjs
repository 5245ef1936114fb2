// From nothing to a worker that is ready to poll, workflow code bundled.
import { Worker } from '@perdure/sdk/worker';

await Worker.create({ taskQueue: 'q', workflows: new URL('./workflows.mjs', import.meta.url), activities: { greet: async () => 'x' } });
process.exit(0);
