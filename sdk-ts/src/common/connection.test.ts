import { Metadata, Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { ErrorInfo, RetryInfo } from '@perdure/proto/google/rpc/error_details';
import { Status } from '@perdure/proto/google/rpc/status';
import { CountWorkflowsRequest, CountWorkflowsResponse } from '@perdure/proto/perdure/api/v1/workflow_service';
import { afterEach, expect, test } from 'vitest';
import { type Connection, connect } from './connection.ts';

type Handler = (
  call: ServerUnaryCall<CountWorkflowsRequest, CountWorkflowsResponse>,
  answer: sendUnaryData<CountWorkflowsResponse>,
) => void;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(handler: Handler, port = 0): Promise<{ port: number; stop: () => void }> {
  const server = new Server();
  const path = '/perdure.api.v1.WorkflowService/CountWorkflows';
  const method = {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: CountWorkflowsRequest) => Buffer.from(CountWorkflowsRequest.encode(message).finish()),
    requestDeserialize: (bytes: Buffer) => CountWorkflowsRequest.decode(bytes),
    responseSerialize: (message: CountWorkflowsResponse) => Buffer.from(CountWorkflowsResponse.encode(message).finish()),
    responseDeserialize: (bytes: Buffer) => CountWorkflowsResponse.decode(bytes),
  };
  server.addService({ countWorkflows: method }, { countWorkflows: handler as never });
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) => (error ? reject(error) : resolve(at))),
  );
  const stop = (): void => server.forceShutdown();
  closing.push(stop);
  return { port: bound, stop };
}

function connectTo(port: number): Connection {
  const connection = connect({ address: `127.0.0.1:${port}` });
  closing.push(connection.close);
  return connection;
}

const request = { namespace: '', filter: "Status = 'Running'", groupBy: '' };

test('a call carries its request and its answer', async () => {
  let filter = '';
  const { port } = await serve((call, answer) => {
    filter = call.request.filter;
    answer(null, { count: 7n, groups: [] });
  });
  expect(await connectTo(port).countWorkflows(request)).toEqual({ count: 7n, groups: [] });
  expect(filter).toBe("Status = 'Running'");
});

test('a refusal carries code, reason, metadata and delay', async () => {
  const { port } = await serve((_, answer) => {
    const details = [
      {
        typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo',
        value: ErrorInfo.encode({ reason: 'OVERLOADED', domain: 'perdure', metadata: { limit: '5' } }).finish(),
      },
      {
        typeUrl: 'type.googleapis.com/google.rpc.RetryInfo',
        value: RetryInfo.encode({ retryDelay: { seconds: 1n, nanos: 5e8 } }).finish(),
      },
      { typeUrl: 'type.googleapis.com/google.rpc.SomethingNew', value: new Uint8Array([1, 2, 3]) },
    ];
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', Buffer.from(Status.encode({ code: 8, message: 'slow down', details }).finish()));
    answer({ code: 8, details: 'slow down', metadata });
  });
  await expect(connectTo(port).countWorkflows(request)).rejects.toMatchObject({
    name: 'ServiceError',
    message: 'slow down',
    code: 8,
    reason: 'OVERLOADED',
    metadata: { limit: '5' },
    retryAfterMs: 1_500,
  });
});

test('details that cannot be read leave the code and the message', async () => {
  const { port } = await serve((_, answer) => {
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', Buffer.from([0xff, 0xff, 0xff]));
    answer({ code: 5, details: 'not there', metadata });
  });
  await expect(connectTo(port).countWorkflows(request)).rejects.toMatchObject({ code: 5, reason: '', message: 'not there' });
});

test('a deadline and an abort end a call that is not answered', async () => {
  const { port } = await serve(() => {});
  const connection = connectTo(port);
  await expect(connection.countWorkflows(request, { deadlineMs: 50 })).rejects.toMatchObject({ code: 4, reason: '' });
  const abort = new AbortController();
  const aborted = connection.countWorkflows(request, { abort: abort.signal });
  abort.abort();
  await expect(aborted).rejects.toMatchObject({ code: 1 });
  await expect(connection.countWorkflows(request, { abort: abort.signal })).rejects.toMatchObject({ code: 1 });
});

test('a service that comes late is found by later calls', async () => {
  const probe = await serve(() => {});
  probe.stop();
  const connection = connectTo(probe.port);
  await expect(connection.countWorkflows(request)).rejects.toMatchObject({ code: 14 });
  await serve((_, answer) => answer(null, { count: 1n, groups: [] }), probe.port);
  await expect.poll(() => connection.countWorkflows(request).catch(() => undefined), { timeout: 4_000 }).toEqual({ count: 1n, groups: [] });
});

test('a request too large to be sent is refused here, as the service would', async () => {
  const { port } = await serve((_, answer) => answer(null, { count: 1n, groups: [] }));
  const large = { namespace: '', filter: 'x'.repeat(9 * 1024 * 1024), groupBy: '' };
  await expect(connectTo(port).countWorkflows(large)).rejects.toMatchObject({
    code: 3,
    reason: 'TOO_LARGE',
    message: expect.stringMatching(/^request: 94371\d\d bytes, the limit is 4194304$/),
  });
});
