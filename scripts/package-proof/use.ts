// Every entry, used from TypeScript; Node strips the types.
import { activityInfo } from '@perdure/sdk/activity';
import { Client, type WorkflowHandle } from '@perdure/sdk/client';
import { Worker, type WorkerOptions } from '@perdure/sdk/worker';
import { TestEnvironment } from '@perdure/testing';
import type { greeting } from './workflows.ts';

const made: [typeof Client, (options: WorkerOptions) => Promise<Worker>] = [Client, Worker.create];
if (made.length !== 2) throw new Error('an entry is empty');
await using env = await TestEnvironment.create();
const greet = async (name: string): Promise<string> => `hello ${name} (attempt ${activityInfo().attempt})`;
await env.createWorker({ workflows: new URL('./workflows.ts', import.meta.url), activities: { greet } });
const handle: WorkflowHandle<typeof greeting> = await env.client.start<typeof greeting>('greeting', {
  workflowId: 'w',
  taskQueue: 'test',
  args: ['TypeScript'],
});
const result: string = await handle.result();
console.log(result);
