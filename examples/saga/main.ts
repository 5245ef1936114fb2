// Three bookings or none.   node examples/saga/main.ts
import { WorkflowFailedError } from '@perdure/sdk/client';
import { runExample, show } from '../run.ts';
import * as activities from './activities.ts';
import { trip } from './workflows.ts';

const { booked, undone, ...code } = activities;

await runExample(
  'saga',
  { workflows: new URL('./workflows.ts', import.meta.url), activities: code },
  async ({ client, taskQueue, fresh }) => {
    const rome = await client.start(trip, { workflowId: fresh('trip'), taskQueue, args: [{ traveller: 'Ada', city: 'Rome' }] });
    show('Rome', await rome.result(), ['flight-Ada', 'hotel-Ada', 'car-Ada']);

    const venice = await client.start(trip, { workflowId: fresh('trip'), taskQueue, args: [{ traveller: 'Bob', city: 'Venice' }] });
    const failed = await venice.result().then(
      () => false,
      (error: unknown) => error instanceof WorkflowFailedError,
    );
    show('Venice failed', failed, true);
    show('undone', undone, ['hotel Bob', 'flight Bob']);
    show('still booked', [...booked], ['flight Ada', 'hotel Ada', 'car Ada']);
  },
);
