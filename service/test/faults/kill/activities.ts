/** Activities of the kill test. Every execution leaves a line in a file before anything can be lost. */
import { appendFileSync } from 'node:fs';
import { activityInfo, sleep } from '@perdure/sdk/activity';

const FILE = process.argv[3] ?? '';

function note(name: string): void {
  const { workflowExecution, activityId, attempt } = activityInfo();
  appendFileSync(FILE, `${name} ${workflowExecution.runId} ${activityId} ${attempt}\n`);
}

export async function charge(id: number, step: number): Promise<number> {
  note('charge');
  await sleep(10);
  return id * step;
}

export async function once(_id: number): Promise<void> {
  note('once');
  await sleep(20);
}
