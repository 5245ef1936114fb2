// Activities that end by a callback from outside, with a deadline.   node examples/callbacks/main.ts
import { Client } from '@perdure/sdk/client';
import { runExample, type Scene, show } from '../run.ts';
import { createActivities, type Payment } from './activities.ts';
import { startBridge } from './bridge.ts';
import { order } from './workflows.ts';

const client = new Client({ address: process.env.PERDURE_ADDRESS ?? '127.0.0.1:7233' });
const { url, server } = await startBridge(client);

async function callBack(path: string, payment: Payment): Promise<Response> {
  return await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(payment) });
}

let late = '';
// What would be the provider: it calls back at once, but not for one cent.
const activities = createActivities(async (cents, path) => {
  if (cents === 1) late = path;
  else void callBack(path, { reference: `receipt over ${cents}` });
});

async function paid({ taskQueue, fresh }: Scene): Promise<void> {
  const asked = { cents: 4_200, patience: '1 hour' };
  show('in time', await client.execute(order, { workflowId: fresh('order'), taskQueue, args: [asked] }), 'paid: receipt over 4200');
}

async function tooLate({ taskQueue, fresh }: Scene): Promise<void> {
  const asked = { cents: 1, patience: '1 second' };
  show('too late', await client.execute(order, { workflowId: fresh('order'), taskQueue, args: [asked] }), 'not paid in time');
  const refused = await callBack(late, { reference: 'a receipt that nobody wants' });
  show('the late callback is answered with', refused.status, 410);
  console.log(`  ${await refused.text()}`);
}

try {
  await runExample('callbacks', { workflows: new URL('./workflows.ts', import.meta.url), activities }, async (scene) => {
    await paid(scene);
    await tooLate(scene);
  });
} finally {
  server.close();
  client.close();
}
