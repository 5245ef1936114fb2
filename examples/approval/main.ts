// Approval by a person, with a time limit.   node examples/approval/main.ts
import { WorkflowFailedError } from '@perdure/sdk/client';
import { runExample, type Scene, show } from '../run.ts';
import * as activities from './activities.ts';
import { asked, decide, type Expense, expense } from './workflows.ts';

const request: Expense = { employee: 'Ada', cents: 4_200, patience: '1 hour', managers: ['Grace'] };

async function approved({ client, taskQueue, fresh }: Scene): Promise<void> {
  const run = await client.start(expense, { workflowId: fresh('expense'), taskQueue, args: [request] });
  // Anybody may send it: a web page, a chat bot, or a person: npx perdure workflow signal <id> decide --input '{"by":"Grace","approved":true}'
  await run.signal(decide, { by: 'Grace', approved: true });
  show('approved', await run.result(), `payment of ${run.workflowId}`);
}

async function escalated({ client, taskQueue, fresh }: Scene): Promise<void> {
  const hasty: Expense = { ...request, patience: '1 second', managers: ['Grace', 'Linus'] };
  const run = await client.start(expense, { workflowId: fresh('expense'), taskQueue, args: [hasty] });
  const failure = await run.result().then(
    () => 'none',
    (error: unknown) => (error instanceof WorkflowFailedError ? error.cause?.message : String(error)),
  );
  show('nobody answered', failure, 'nobody answered in time');
  show('asked', await run.query(asked), ['Grace', 'Linus']);
}

await runExample('approval', { workflows: new URL('./workflows.ts', import.meta.url), activities }, async (scene) => {
  await approved(scene);
  await escalated(scene);
});
