// From nothing to an environment in which workflows can be started.
import { TestEnvironment } from '@perdure/testing';

const env = await TestEnvironment.create();
if ((await env.client.count()) !== 0) throw new Error('not empty');
process.exit(0);
