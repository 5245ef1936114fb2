/** The gRPC server: bytes in, handler, bytes out. Knows nothing of workflows. */
import {
  type handleUnaryCall,
  logVerbosity,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  setLogVerbosity,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { encode } from '../core/encode.ts';
import { MAX_REQUEST_BYTES } from '../core/limits.ts';
import type { Env } from '../env.ts';
import { PerdureError } from '../errors.ts';
import { counters } from '../telemetry/counters.ts';
import type { Log } from '../telemetry/log.ts';
import { decodeRequest } from './codec.ts';
import { type CallContext, type RpcHandlers, type RpcMethod, SERVICES } from './contract.ts';
import { DETAILS_HEADER, statusOf, toPerdureError } from './status.ts';

/** Larger than the request limit, so that a request that is a little too large gets an answer that names size and limit. */
const TRANSPORT_RECEIVE_BYTES = 2 * MAX_REQUEST_BYTES;
/** Connections end after 5 to 10 minutes, so that clients find new servers; a long poll may finish before. */
const CONNECTION_AGE_MS = 300_000;
const CONNECTION_AGE_GRACE_MS = 75_000;
const KEEPALIVE_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 15_000;
/** Calls at once on one connection; more wait in the client. */
const MAX_CONCURRENT_STREAMS = 1_000;
/** Node's bound on what one connection may hold in memory, in MB. */
const MAX_SESSION_MEMORY_MB = 512;
/** Answers that still wait when the server stops get this long before they are cut short. */
const DRAIN_MS = 1_000;
const RETRY_ELSEWHERE_MS = 200;
/** Made once: an own reason spares the stack trace that `abort()` would take each time. */
const CALLER_GONE = new Error('the caller has gone');

export interface RpcServerOptions {
  readonly env: Env;
  readonly log: Log;
  /** Undefined while the service cannot serve; calls are then refused with `unavailable()`. */
  handlers(): RpcHandlers | undefined;
  /** Why calls are refused while there are no handlers. */
  unavailable(): PerdureError;
  /** A response that carries this answer id could not be sent. */
  undelivered(answerId: string): void;
}

export interface RpcServer {
  /** Starts to listen on `host:port` (port 0: any free one); resolves to the address bound. Rejects with an error for people. */
  listen(address: string): Promise<string>;
  setServing(serving: boolean): void;
  /** Refuses new calls, lets waiting ones finish for up to 1 s, then cuts them short; closes all listeners. */
  stop(): Promise<void>;
}

type Bytes = Uint8Array;

export async function createRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  // What it would print is told by our own errors, as log lines.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    'grpc.max_receive_message_length': TRANSPORT_RECEIVE_BYTES,
    'grpc.max_send_message_length': -1,
    'grpc.max_connection_age_ms': CONNECTION_AGE_MS * (1 + options.env.random()),
    'grpc.max_connection_age_grace_ms': CONNECTION_AGE_GRACE_MS,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc.max_concurrent_streams': MAX_CONCURRENT_STREAMS,
    'grpc-node.max_session_memory': MAX_SESSION_MEMORY_MB,
  });
  const state: ServingState = { options, stopping: false, open: new Set() };
  for (const service of SERVICES) server.addService(...serve(service.methods, state));
  const health = new HealthImplementation(Object.fromEntries(healthNames().map((name) => [name, 'NOT_SERVING' as const])));
  health.addToServer(server);
  await addReflection(server);
  return {
    listen: (address) => listen(server, address),
    setServing: (serving) => {
      for (const name of healthNames()) health.setStatus(name, serving && !state.stopping ? 'SERVING' : 'NOT_SERVING');
    },
    stop: async () => {
      state.stopping = true;
      for (const name of healthNames()) health.setStatus(name, 'NOT_SERVING');
      await stop(server, state);
    },
  };
}

interface ServingState {
  readonly options: RpcServerOptions;
  stopping: boolean;
  /** Calls being answered. */
  readonly open: Set<OpenCall>;
}

/** A call that is being answered. */
interface OpenCall {
  readonly context: CallContext;
  /** Whether nobody waits for the answer any more. */
  readonly gone: boolean;
  /** The caller has gone, or must be sent away. */
  cut(): void;
  /** Runs once when `cut` is called. */
  onCut: (() => void) | undefined;
}

/** The signal is made only for handlers that look at it: for most calls it would cost more than the rest of this layer. */
function openCall(): OpenCall {
  let controller: AbortController | undefined;
  let gone = false;
  const call: OpenCall = {
    context: {
      get abort() {
        controller ??= new AbortController();
        if (gone) controller.abort(CALLER_GONE);
        return controller.signal;
      },
    },
    get gone() {
      return gone;
    },
    cut() {
      if (gone) return;
      gone = true;
      controller?.abort(CALLER_GONE);
      call.onCut?.();
    },
    onCut: undefined,
  };
  return call;
}

function healthNames(): string[] {
  return ['', ...SERVICES.map((service) => service.fullName)];
}

async function addReflection(server: Server): Promise<void> {
  // Only here: it brings protobufjs, which the command line must not wait for.
  const [{ ReflectionService }, { readFileDescriptors }] = await Promise.all([import('@grpc/reflection'), import('./descriptors.ts')]);
  const files = { fileDescriptorProtos: readFileDescriptors() };
  // The package wants a loaded definition but reads only the encoded files from it.
  const definition = { perdure: files } as unknown as ConstructorParameters<typeof ReflectionService>[0];
  new ReflectionService(definition, { services: SERVICES.map((service) => service.fullName) }).addToServer(server);
}

function listen(server: Server, address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error !== null)
        reject(new Error(`cannot listen on ${address}: ${/EADDRINUSE/.test(error.message) ? 'the port is in use' : error.message}`));
      else resolve(`${address.slice(0, address.lastIndexOf(':'))}:${port}`);
    });
  });
}

async function stop(server: Server, state: ServingState): Promise<void> {
  const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  const cut = state.options.env.setTimer(DRAIN_MS, () => {
    for (const call of state.open) call.cut();
  });
  const force = state.options.env.setTimer(2 * DRAIN_MS, () => server.forceShutdown());
  await closed;
  cut.cancel();
  force.cancel();
}

function serve(methods: readonly RpcMethod[], state: ServingState): [ServiceDefinition, Record<string, handleUnaryCall<Buffer, Bytes>>] {
  const definition: Record<string, MethodDefinition<Buffer, Bytes>> = {};
  const handlers: Record<string, handleUnaryCall<Buffer, Bytes>> = {};
  for (const method of methods) {
    // Messages cross grpc-js as bytes: a malformed request is then ours to refuse, and nothing is copied twice.
    const same = (bytes: Buffer): Buffer => bytes;
    const wrap = (bytes: Bytes): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    definition[method.key] = {
      path: method.path,
      requestStream: false,
      responseStream: false,
      requestSerialize: wrap,
      requestDeserialize: same,
      responseSerialize: wrap,
      responseDeserialize: same,
    };
    handlers[method.key] = (call, callback) => {
      counters.rpcs += 1;
      const open = openCall();
      state.open.add(open);
      // Also fires after every answer: then it means nothing.
      call.on('cancelled', () => {
        if (state.open.has(open)) open.cut();
      });
      answer(method, call.request, open, state).then(
        (bytes) => {
          state.open.delete(open);
          callback(null, bytes);
        },
        (error: unknown) => {
          state.open.delete(open);
          callback(toServiceError(error, method, state.options));
        },
      );
    };
  }
  return [definition, handlers];
}

async function answer(method: RpcMethod, bytes: Buffer, open: OpenCall, state: ServingState): Promise<Bytes> {
  const { options } = state;
  if (state.stopping) throw stopping();
  const handlers = options.handlers();
  if (handlers === undefined) throw options.unavailable();
  const handler = handlers[method.key] as (request: unknown, call: CallContext) => Promise<unknown>;
  const response = await untilCut(handler(decodeRequest(method, bytes), open.context), open, options);
  return encode(method.response, response);
}

/** A handler need not hurry when its caller has gone; what it answers then must not be lost. */
function untilCut(work: Promise<unknown>, open: OpenCall, options: RpcServerOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    open.onCut = () => reject(stopping());
    work.then((response) => {
      if (open.gone) undo(response, options);
      else resolve(response);
    }, reject);
  });
}

function undo(response: unknown, options: RpcServerOptions): void {
  const answerId = (response as { answerId?: string } | undefined)?.answerId;
  if (answerId !== undefined && answerId !== '') options.undelivered(answerId);
}

function stopping(): PerdureError {
  return new PerdureError('UNAVAILABLE', 'this server is stopping; try again', {}, RETRY_ELSEWHERE_MS);
}

function toServiceError(
  thrown: unknown,
  method: RpcMethod,
  { env, log }: RpcServerOptions,
): { code: number; details: string; metadata: Metadata } {
  const error = toPerdureError(thrown, env.newId, (id, cause) =>
    log('error', 'internal error', {
      id,
      rpc: method.path,
      error: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
    }),
  );
  const status = statusOf(error);
  const metadata = new Metadata();
  metadata.set(DETAILS_HEADER, Buffer.from(status.details));
  return { code: status.code, details: status.message, metadata };
}
