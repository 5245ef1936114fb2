// What workflows say to activities and clients, encrypted before it leaves the process.   node examples/encryption/main.ts
import { randomBytes } from 'node:crypto';
import { Client, WorkflowFailedError, WorkflowUpdateRejectedError } from '@perdure/sdk/client';
import { runExample, show } from '../run.ts';
import * as activities from './activities.ts';
import { encryptionCodec } from './codec.ts';
import { cardOf, confirm, payment, useCard } from './workflows.ts';

// A real program asks its key management service, and keeps what it was told for a while.
const keys = new Map([
  ['2026-01', randomBytes(32)],
  ['2026-02', randomBytes(32)],
]);
let current = '2026-01';
const ring = {
  get current() {
    return current;
  },
  key: (id: string) => keys.get(id),
};
const dataConverter = { codecs: [encryptionCodec(ring)], encodeFailures: true };
const CARD = '4711-0815-2342';
const OTHER = '4711-0815-0001';

await runExample(
  'encryption',
  { workflows: new URL('./workflows.ts', import.meta.url), activities, dataConverter },
  async ({ address, client, taskQueue, fresh }) => {
    const paid = await client.start(payment, { workflowId: fresh('payment'), taskQueue, args: [CARD, 20], memo: { card: CARD } });
    show('asked', await paid.query(cardOf), CARD);
    show('another card', await paid.executeUpdate(useCard, { args: [OTHER] }), `was ${CARD}`);
    const refused = await paid.executeUpdate(useCard, { args: ['0815'] }).catch((error: unknown) => error);
    show('refused', refused instanceof WorkflowUpdateRejectedError && refused.cause.message, '0815 is no card');
    // From here on another key is used; what is there stays readable.
    current = '2026-02';
    await paid.signal(confirm, 'yes');
    show('result', await paid.result(), `charged 20 to ${OTHER}, confirmed by yes`);

    const declined = await client.start(payment, { workflowId: fresh('payment'), taskQueue, args: [CARD, 2_000] });
    await declined.signal(confirm, 'yes');
    const failed = (await declined.result().catch((error: unknown) => error)) as WorkflowFailedError;
    show('declined', (failed.cause.cause as Error).message, `card ${CARD} has no 2000 left`);

    // Whoever has no key sees that something happened, and not what.
    const stranger = new Client({ address });
    for (const handle of [paid, declined]) {
      const seen = stranger.getHandle(handle.workflowId);
      const { events } = await seen.fetchHistory();
      const { memo, variables, raw } = await seen.describe();
      const all = JSON.stringify([events, memo, variables, raw], (_, value: unknown) =>
        value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : typeof value === 'bigint' ? String(value) : value,
      );
      show('the card is found in the service', all.includes(CARD) || all.includes(OTHER), false);
    }
    const hidden = (await stranger
      .getHandle(declined.workflowId)
      .result()
      .catch((error: unknown) => error)) as WorkflowFailedError;
    show('without a key', [hidden instanceof WorkflowFailedError, (hidden.cause.cause as Error).message], [true, '(encoded)']);
    stranger.close();
  },
);
