// The plain generated client: every method by name, requests and answers as protobuf JSON, refusals with their details.
import { setTimeout as delay } from 'node:timers/promises';
import { type CallOptions, type ChannelOptions, Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { ErrorInfo, RetryInfo } from '@perdure/proto/google/rpc/error_details';
import { Status } from '@perdure/proto/google/rpc/status';
import { NamespaceServiceDefinition } from '@perdure/proto/perdure/api/v1/namespace';
import { WorkerServiceDefinition } from '@perdure/proto/perdure/api/v1/worker_service';
import { WorkflowServiceDefinition } from '@perdure/proto/perdure/api/v1/workflow_service';
import { withLines } from './history.ts';
import { fromProto, isObject, type Json, toProto } from './values.ts';

interface Codec {
  fromJSON(object: unknown): unknown;
  toJSON(message: unknown): unknown;
  encode(message: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
}

export interface Method {
  readonly path: string;
  readonly request: Codec;
  readonly response: Codec;
}

const DEADLINE_MS = 20_000;
const CHANNEL: ChannelOptions = {
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  'grpc.max_send_message_length': -1,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 500,
};

const methods = new Map<string, Method>();
for (const service of [WorkflowServiceDefinition, WorkerServiceDefinition, NamespaceServiceDefinition]) {
  for (const method of Object.values(service.methods)) {
    const path = `/${service.fullName}/${method.name}`;
    methods.set(method.name, {
      path,
      request: method.requestType as unknown as Codec,
      response: method.responseType as unknown as Codec,
    });
  }
}

/** A method of either service by its name in the proto. */
export function methodNamed(name: string): Method {
  const method = methods.get(name);
  if (method === undefined) throw new Error(`no method ${name}; there are ${[...methods.keys()].join(', ')}`);
  return method;
}

/** The service, or the transport, refused a call or an item of a batch. */
export class Refusal extends Error {
  /** code, reason, message, and the facts of the metadata by name: field, limit, size … */
  readonly facts: Readonly<Record<string, Json>>;

  constructor(facts: Readonly<Record<string, Json>>) {
    super(`refused: ${JSON.stringify(facts)}`);
    this.facts = facts;
  }
}

export interface RawCall {
  readonly deadlineMs?: number | undefined;
  /** Compress the request with gzip. */
  readonly gzip?: boolean | undefined;
}

export interface Wire {
  /** Calls a method; the request is protobuf JSON. Rejects with Refusal. */
  call(method: string, request: Json, options?: RawCall): Promise<Json>;
  /** Sends bytes as they are, to any path. */
  send(path: string, bytes: Uint8Array, options?: RawCall): Promise<Uint8Array>;
  close(): void;
}

/** Connects when the first call is made. */
export function connect(address: string): Wire {
  const client = new Client(address, credentials.createInsecure(), CHANNEL);
  // Compression is set per channel in this library.
  let zipped: Client | undefined;
  const send = (path: string, bytes: Uint8Array, { deadlineMs = DEADLINE_MS, gzip }: RawCall = {}): Promise<Uint8Array> => {
    if (gzip) zipped ??= new Client(address, credentials.createInsecure(), { ...CHANNEL, 'grpc.default_compression_algorithm': 2 });
    const options: CallOptions = { deadline: Date.now() + deadlineMs };
    return new Promise((resolve, reject) => {
      (gzip && zipped ? zipped : client).makeUnaryRequest(
        path,
        (same: Buffer) => same,
        (same: Buffer) => same,
        Buffer.from(bytes),
        options,
        (error, response) => (error ? reject(refusalOf(error)) : resolve(response ?? new Uint8Array(0))),
      );
    });
  };
  return {
    send,
    async call(name, request, options) {
      const { path, response } = methodNamed(name);
      return decodeResponse(response, await send(path, encodeRequest(name, request), options));
    },
    close() {
      client.close();
      zipped?.close();
    },
  };
}

const PAUSE_MS = 25;

/** Resolves when this connection reaches a service that is ready; rejects with the last refusal. */
export async function untilAnswers(wire: Wire, withinMs: number): Promise<void> {
  const end = performance.now() + withinMs;
  for (;;) {
    try {
      await wire.call('GetSystemInfo', {}, { deadlineMs: withinMs });
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await delay(PAUSE_MS);
  }
}

export function encodeRequest(name: string, request: Json): Uint8Array {
  const { request: codec } = methodNamed(name);
  return codec.encode(codec.fromJSON(toProto(request))).finish();
}

/** Copied: decoders keep parts of a Buffer as Buffers, which JSON writes in a form of its own. */
export function decodeResponse(codec: Codec, bytes: Uint8Array): Json {
  return withLines(fromProto(codec.toJSON(codec.decode(new Uint8Array(bytes))) as Json));
}

function refusalOf(error: ServiceError): Refusal {
  const facts: Record<string, Json> = { code: error.code, message: error.details || error.message };
  const [details] = (error.metadata ?? new Metadata()).get('grpc-status-details-bin');
  if (!Buffer.isBuffer(details)) return new Refusal(facts);
  for (const { typeUrl, value } of Status.decode(new Uint8Array(details)).details) {
    if (typeUrl.endsWith('/google.rpc.ErrorInfo')) {
      const { reason, metadata } = ErrorInfo.decode(value);
      Object.assign(facts, { reason, ...metadata });
    }
    if (typeUrl.endsWith('/google.rpc.RetryInfo'))
      facts.retryAfter = fromProto((RetryInfo.toJSON(RetryInfo.decode(value)) as { retryDelay: Json }).retryDelay, 'retryDelay');
  }
  return new Refusal(facts);
}

/** The refusal of one item of a batch, when there is one. */
export function itemRefusal(error: Json | undefined): Refusal | undefined {
  if (!isObject(error)) return undefined;
  const { code, reason, message, metadata, ...rest } = error;
  if (!code && !reason) return undefined;
  return new Refusal({
    code: code ?? 0,
    reason: reason ?? '',
    message: message ?? '',
    ...(metadata as Record<string, Json> | undefined),
    ...rest,
  });
}
