// A client with interceptors.
import { Client, type ClientInterceptor } from '@perdure/sdk/client';
import type { Scope } from '../../../sdks/ts/scope.ts';

async function withTrace<T>({ address }: Scope, trace: string, use: (client: Client) => Promise<T>): Promise<T> {
  const tracing: ClientInterceptor = {
    start: (input, next) => next({ ...input, headers: { ...input.headers, traceparent: trace } }),
    signal: (input, next) => next({ ...input, headers: { ...input.headers, traceparent: trace } }),
    terminate: async () => {
      throw new Error('this client terminates nothing');
    },
  };
  const client = new Client({ address, interceptors: [tracing] });
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

export async function headersStart(scope: Scope, run: string): Promise<{ runId: string }> {
  const { runId } = await withTrace(scope, 'trace-1', (client) =>
    client.start('headers', { workflowId: scope.workflowId(run), taskQueue: scope.taskQueue }),
  );
  return { runId };
}

export async function headersSignal(scope: Scope, run: string): Promise<void> {
  await withTrace(scope, 'trace-2', (client) => client.getHandle(scope.workflowId(run)).signal('go', 'x'));
}

export async function headersTerminate(scope: Scope, run: string): Promise<void> {
  await withTrace(scope, 'trace-3', (client) => client.getHandle(scope.workflowId(run)).terminate());
}
