// An entity that is changed by updates and goes on for ever.   node examples/entity/main.ts
import { runExample, show } from '../run.ts';
import { add, cart, checkOut, contents } from './workflows.ts';

await runExample('entity', { workflows: new URL('./workflows.ts', import.meta.url) }, async ({ client, taskQueue, fresh }) => {
  const run = await client.start(cart, { workflowId: fresh('cart'), taskQueue, args: [] });
  // The handle without a run id means the newest run, whichever that is.
  const any = client.getHandle<typeof cart>(run.workflowId);
  for (let n = 1; n <= 12; n += 1) show(`pears, change ${n}`, await any.executeUpdate(add, { args: [{ item: 'pear', count: 2 }] }), 2 * n);
  const refused = await any.executeUpdate(add, { args: [{ item: 'pear', count: -1 }] }).then(
    () => 'taken',
    (error: unknown) => String((error as Error).cause ?? error),
  );
  show('a wrong change was refused', refused.includes('-1 of pear cannot be added'), true);
  show('contents', await any.query(contents), { pear: 24 });
  await any.signal(checkOut);
  // The result of the first run's handle is that of the last run of the chain.
  show('checked out', await run.result(), { pear: 24 });
});
