// A client: starts a workflow and waits for its result.
//   node examples/quickstart/client.ts [name]
import { Client } from '@perdure/sdk/client';
import { greet } from './workflows.ts';

const client = new Client({ address: process.env.PERDURE_ADDRESS ?? '127.0.0.1:7233' });
const handle = await client.start(greet, {
  workflowId: `greet-${Date.now()}`,
  taskQueue: 'quickstart',
  args: [process.argv[2] ?? 'World'],
});
console.log(`Started ${handle.workflowId}. Look at it: npx perdure workflow describe ${handle.workflowId}`);
console.log(await handle.result());
client.close();
