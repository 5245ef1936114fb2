// Every entry, used from plain JavaScript.
import { activityInfo } from '@perdure/sdk/activity';
import { Client } from '@perdure/sdk/client';
import { Worker } from '@perdure/sdk/worker';
import { TestEnvironment } from '@perdure/testing';

if (typeof Client !== 'function' || typeof Worker.create !== 'function') throw new Error('an entry is empty');
const env = await TestEnvironment.create();
const greet = async (name) => `hello ${name} (attempt ${activityInfo().attempt})`;
await env.createWorker({ workflows: new URL('./workflows.mjs', import.meta.url), activities: { greet }, engine: 'threads' });
console.log(await env.client.execute('greeting', { workflowId: 'w', taskQueue: 'test', args: ['JavaScript'] }));
await env.close();
