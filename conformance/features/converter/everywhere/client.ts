// Clients that can read the words, and one that cannot.
import { Client, WorkflowFailedError } from '@perdure/sdk/client';
import type { Scope } from '../../../sdks/ts/scope.ts';
import { codecs, payloadConverter } from './converter.ts';

const WORD = 'xyzzy';

async function withClient<T>({ address }: Scope, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ address, dataConverter: { payloadConverter, codecs, encodeFailures: true } });
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

/** What was read of a run, and where its words are found by somebody without the converter. */
export async function convertedTalk(scope: Scope, run: string, say: string): Promise<unknown> {
  return await withClient(scope, async (client) => {
    const settings = { workflowId: scope.workflowId(run), taskQueue: scope.taskQueue, memo: { first: WORD } };
    const handle = await client.start('converted', { ...settings, args: [WORD] });
    const asked = await handle.query('ask', '?');
    await handle.signal('say', say);
    const end = await handle.result().catch((error: unknown) => error);
    const said = end instanceof WorkflowFailedError ? end.cause.message : end;
    const { memo, variables } = await handle.describe();
    return { asked, said, memo, variables, hidden: await hidden(scope, handle.workflowId) };
  });
}

async function hidden({ client }: Scope, workflowId: string): Promise<boolean> {
  const handle = client.getHandle(workflowId);
  const everything = [await handle.fetchHistory(), (await handle.describe()).raw];
  const text = JSON.stringify(everything, (_, value: unknown) => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
    return typeof value === 'bigint' ? String(value) : value;
  });
  return !text.includes(WORD) && !text.includes([...WORD].reverse().join(''));
}
