// A process that takes one task, notes its token in a file and is gone.   node examples/one-shot/worker.ts <file>
import { writeFile } from 'node:fs/promises';
import { activityInfo, completeAsync } from '@perdure/sdk/activity';
import { Worker } from '@perdure/sdk/worker';

const [file = 'task.json'] = process.argv.slice(2);

export async function signContract(customer: string): Promise<string> {
  // Before the attempt is left open: a crash in between makes another attempt, not a token that nobody knows.
  await writeFile(file, JSON.stringify({ token: activityInfo().taskToken, customer }));
  worker.shutdown();
  completeAsync();
}

const worker = await Worker.create({
  address: process.env.PERDURE_ADDRESS ?? '127.0.0.1:7233',
  taskQueue: 'one-shot-tasks',
  activities: { sign: signContract },
  maxConcurrentActivities: 1,
});
await worker.run();
console.log('  the worker has noted its task and ends');
