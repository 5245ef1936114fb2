import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { StartWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { afterEach, expect, test } from 'vitest';
import { createRealEnv } from '../env-real.ts';
import { badField, PerdureError } from '../errors.ts';
import { createRpcClient, type RpcClient } from './client.ts';
import type { RpcHandlers } from './contract.ts';
import { createRpcServer, type RpcServer } from './server.ts';

const SYSTEM_INFO = '/perdure.api.v1.WorkflowService/GetSystemInfo';
const START = '/perdure.api.v1.WorkflowService/StartWorkflow';
const EMPTY_POLL = { namespace: '', taskQueue: 'q', worker: undefined, maxTasks: 1, waitTimeout: undefined, receivedAnswerIds: [] };

interface Setup {
  readonly server: RpcServer;
  readonly rpc: RpcClient;
  readonly raw: Client;
  readonly logged: unknown[][];
  readonly undelivered: string[];
}

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setUp(handlers: Partial<RpcHandlers> | undefined): Promise<Setup> {
  const logged: unknown[][] = [];
  const undelivered: string[] = [];
  const server = await createRpcServer({
    env: createRealEnv(),
    log: (...line) => void logged.push(line),
    handlers: () => handlers as RpcHandlers | undefined,
    unavailable: () => new PerdureError('DATABASE_UNAVAILABLE', 'no database yet', {}, 1_000),
    undelivered: (id) => void undelivered.push(id),
  });
  const address = await server.listen('127.0.0.1:0');
  const rpc = createRpcClient(address);
  const raw = new Client(address, credentials.createInsecure());
  cleanups.push(
    () => server.stop(),
    () => raw.close(),
    () => rpc.close(),
  );
  return { server, rpc, raw, logged, undelivered };
}

function send(raw: Client, path: string, bytes: Uint8Array): Promise<Buffer> {
  const same = (message: Buffer): Buffer => message;
  return new Promise((resolve, reject) => {
    raw.makeUnaryRequest(path, same, same, Buffer.from(bytes), new Metadata(), {}, (error, answer) =>
      error === null ? resolve(answer as Buffer) : reject(error),
    );
  });
}

const info = { version: '1', capabilities: ['x'], limits: { a: 5n } };

test('a request reaches its handler and the answer comes back', async () => {
  const { rpc } = await setUp({ getSystemInfo: async () => info });
  expect(await rpc.getSystemInfo({})).toEqual(info);
});

test('errors of the catalogue arrive with reason, metadata and delay', async () => {
  const { rpc } = await setUp({
    getSystemInfo: async () => {
      throw new PerdureError('OVERLOADED', 'too much', { queue: 'q' }, 250);
    },
  });
  await expect(rpc.getSystemInfo({})).rejects.toMatchObject({
    reason: 'OVERLOADED',
    message: 'too much',
    metadata: { queue: 'q' },
    retryAfterMs: 250,
  });
});

test('a malformed message is refused as the caller’s mistake, and the server lives on', async () => {
  const { raw, rpc } = await setUp({ getSystemInfo: async () => info });
  for (const bytes of [[0x0a, 0xff], [0xff], [0x0a, 0x05, 0x41], [0x07], Array(64).fill(0xff)]) {
    const error = (await send(raw, SYSTEM_INFO, Uint8Array.from(bytes)).catch((e) => e)) as ServiceError;
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(error.details).toMatch(/^request: not a protobuf message as \/perdure\.api\.v1\.WorkflowService\/GetSystemInfo takes it/);
  }
  expect(await rpc.getSystemInfo({})).toEqual(info);
});

test('text that is no UTF-8 is refused, not changed', async () => {
  const { raw } = await setUp({ startWorkflow: async () => ({ runId: 'r', started: true }) });
  // Field 2, workflow_id: a lone continuation byte, a cut character, a surrogate.
  for (const text of [[0x80], [0xe2, 0x82], [0xed, 0xa0, 0x80]]) {
    const error = (await send(raw, START, Uint8Array.from([0x12, text.length, ...text])).catch((e) => e)) as ServiceError;
    expect(error.code).toBe(status.INVALID_ARGUMENT);
  }
});

test('a request over 4 MiB is refused with size and limit', async () => {
  const { raw } = await setUp({ startWorkflow: async () => ({ runId: 'r', started: true }) });
  const request = StartWorkflowRequest.encode(
    StartWorkflowRequest.fromPartial({ input: [{ encoding: 'x', data: new Uint8Array(5_000_000) }] }),
  ).finish();
  const error = (await send(raw, START, request).catch((e) => e)) as ServiceError;
  expect(error.code).toBe(status.INVALID_ARGUMENT);
  expect(error.details).toBe(`request: ${request.length} bytes, the limit is 4194304`);
});

test('a request over the transport limit is refused, and the server lives on', async () => {
  const { raw, rpc } = await setUp({ getSystemInfo: async () => info });
  const error = (await send(raw, START, new Uint8Array(9 * 1024 * 1024)).catch((e) => e)) as ServiceError;
  expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
  expect(await rpc.getSystemInfo({})).toEqual(info);
});

test('an unexpected error shows only an id, which is logged with the cause', async () => {
  const { rpc, logged } = await setUp({
    getSystemInfo: async () => {
      throw new Error('secret detail');
    },
  });
  const error = (await rpc.getSystemInfo({}).catch((e) => e)) as PerdureError;
  expect(error.reason).toBe('INTERNAL');
  expect(error.message).not.toContain('secret');
  const [level, , fields] = logged[0] as [string, string, { id: string; error: string }];
  expect([level, fields.id]).toEqual(['error', error.metadata.id]);
  expect(fields.error).toContain('secret detail');
});

test('a caller that goes away aborts its call; what it would have got is undone', async () => {
  const entered = Promise.withResolvers<AbortSignal>();
  const answer = Promise.withResolvers<void>();
  const { rpc, undelivered } = await setUp({
    pollActivityTasks: async (_request, { abort }) => {
      entered.resolve(abort);
      await answer.promise;
      return { answerId: 'answer-1', tasks: [] };
    },
  });
  const caller = new AbortController();
  const poll = rpc.pollActivityTasks(EMPTY_POLL, { abort: caller.signal });
  const abort = await entered.promise;
  const aborted = new Promise<void>((resolve) => abort.addEventListener('abort', () => resolve()));
  caller.abort();
  await expect(poll).rejects.toThrow();
  await aborted;
  expect(undelivered).toEqual([]);
  answer.resolve();
  await expect.poll(() => undelivered).toEqual(['answer-1']);
});

test('stop cuts waiting calls short and refuses new ones in a way that is safe to retry', async () => {
  const entered = Promise.withResolvers<void>();
  const { rpc, server } = await setUp({
    pollActivityTasks: () => {
      entered.resolve();
      return new Promise(() => {});
    },
  });
  const poll = rpc.pollActivityTasks(EMPTY_POLL).catch((e) => e);
  await entered.promise;
  await server.stop();
  expect(await poll).toMatchObject({ reason: 'UNAVAILABLE' });
});

test('without handlers calls are refused with the reason given, and health says so', async () => {
  const { rpc, raw, server } = await setUp(undefined);
  await expect(rpc.getSystemInfo({})).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE', retryAfterMs: 1_000 });
  const check = async (service: string): Promise<number> => {
    const request = Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)]);
    return (await send(raw, '/grpc.health.v1.Health/Check', service === '' ? new Uint8Array() : request))[1] ?? 0;
  };
  const names = ['', 'perdure.api.v1.WorkflowService', 'perdure.api.v1.WorkerService'];
  expect(await Promise.all(names.map(check))).toEqual([2, 2, 2]);
  server.setServing(true);
  expect(await Promise.all(names.map(check))).toEqual([1, 1, 1]);
  await expect(check('unknown.Service')).rejects.toMatchObject({ code: status.NOT_FOUND });
});

test('reflection lists the services and gives their descriptors', async () => {
  const { raw } = await setUp({});
  const ask = (request: number[], text: string): Promise<string> => {
    const same = (message: Buffer): Buffer => message;
    const stream = raw.makeBidiStreamRequest('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', same, same);
    return new Promise((resolve, reject) => {
      stream.on('data', (answer: Buffer) => resolve(answer.toString('latin1')));
      stream.on('error', reject);
      stream.write(Buffer.from([...request, text.length, ...Buffer.from(text)]));
      stream.end();
    });
  };
  const services = await ask([0x3a], '*');
  expect(services).toContain('perdure.api.v1.WorkflowService');
  expect(services).toContain('perdure.api.v1.WorkerService');
  const file = await ask([0x22], 'perdure.api.v1.WorkflowService');
  expect(file).toContain('perdure/api/v1/workflow_service.proto');
  expect(file).toContain('StartWorkflowRequest');
});

test('a port in use is told in words', async () => {
  const { server } = await setUp({});
  const other = await setUp({});
  const address = await server.listen('127.0.0.1:0');
  await expect(other.server.listen(address)).rejects.toThrow(`cannot listen on ${address}: the port is in use`);
});

test('no server is told in words', async () => {
  const rpc = createRpcClient('127.0.0.1:1');
  await expect(rpc.getSystemInfo({})).rejects.toThrow('no answer from a Perdure service at 127.0.0.1:1');
  rpc.close();
});

test('wrong fields keep their name', async () => {
  const { rpc } = await setUp({
    startWorkflow: async () => {
      throw badField('workflow_id', 'empty');
    },
  });
  await expect(rpc.startWorkflow(StartWorkflowRequest.fromPartial({}))).rejects.toMatchObject({
    reason: 'BAD_FIELD',
    metadata: { field: 'workflow_id' },
  });
});
