// The worker of the subscription demo. Started by demo.ts with the addresses of service and database in its environment.
import { Worker } from '@perdure/sdk/worker';
import { createActivities } from './activities.ts';
import { openLedger } from './ledger.ts';

const ledger = await openLedger(process.env.DEMO_DB_URL ?? '');
const worker = await Worker.create({
  address: process.env.PERDURE_ADDRESS ?? '127.0.0.1:7233',
  taskQueue: 'subscriptions',
  workflows: new URL('./workflows.ts', import.meta.url),
  activities: createActivities(ledger),
});
await worker.run();
await ledger.close();
