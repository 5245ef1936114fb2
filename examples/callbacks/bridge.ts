// A bridge from HTTP: POST /callbacks/<workflow id>/<activity id> ends that activity, with the JSON body as its result.
// What can be reached from outside must check who calls: a signature of the provider, for example.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { ActivityNotFoundError, type Client, WorkflowNotFoundError } from '@perdure/sdk/client';

/** Resolves when the bridge listens on a free port of this machine. */
export async function startBridge(client: Client): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    void answer(client, request).then(([status, text]) => response.writeHead(status).end(text));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

async function answer(client: Client, request: IncomingMessage): Promise<[status: number, text: string]> {
  const [, root, workflowId, activityId] = (request.url ?? '').split('/').map(decodeURIComponent);
  if (request.method !== 'POST' || root !== 'callbacks' || !workflowId || !activityId) return [404, 'no such callback'];
  try {
    await client.activity.complete({ workflowId, activityId }, await json(request));
    return [204, ''];
  } catch (error) {
    // Our own answer may have got lost on the way: then the activity has ended by this very callback.
    if (error instanceof ActivityNotFoundError && error.perhapsByThisCall) return [204, ''];
    if (error instanceof ActivityNotFoundError || error instanceof WorkflowNotFoundError) return [410, error.message];
    return [503, String(error)];
  }
}
