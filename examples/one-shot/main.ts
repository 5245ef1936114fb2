// A task taken by one process and ended by another.   node examples/one-shot/main.ts
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runExample, show } from '../run.ts';
import { contract } from './workflows.ts';

/** Runs a program of this folder to its end; resolves with its exit code. */
async function play(program: string, ...args: string[]): Promise<unknown> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(program, import.meta.url)), ...args], { stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  return code;
}

const folder = await mkdtemp(join(tmpdir(), 'perdure-one-shot-'));
const file = join(folder, 'task.json');
try {
  await runExample('one-shot', { workflows: new URL('./workflows.ts', import.meta.url) }, async ({ client, taskQueue, fresh }) => {
    const run = await client.start(contract, { workflowId: fresh('contract'), taskQueue, args: ['Ada'] });
    show('the worker ended with code', await play('./worker.ts', file), 0);
    const { pendingActivities } = await run.describe();
    show('attempts that wait for their end', pendingActivities.length, 1);
    show('the other process ended with code', await play('./complete.ts', file), 0);
    show('result', await run.result(), 'signed by Ada, in ink');
  });
} finally {
  await rm(folder, { recursive: true });
}
