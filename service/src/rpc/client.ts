/** The command line's own gRPC client: one connection, the typed RPCs, errors of the catalogue. */
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { PerdureError, REASONS, type Reason } from '../errors.ts';
import { type RpcHandlers, type RpcMethod, SERVICES } from './contract.ts';
import { DETAILS_HEADER, readStatus } from './status.ts';

/** Answers may be larger than requests: a page of history is up to 3.5 MiB, a single event may exceed it. */
const RECEIVE_BYTES = 64 * 1024 * 1024;
const DEFAULT_DEADLINE_MS = 10_000;

export interface CallOptions {
  /** Ms until the call fails; default 10 s. */
  readonly deadlineMs?: number;
  readonly abort?: AbortSignal | undefined;
}

/** The public RPCs as functions of the request. Rejections are PerdureError, or UnreachableError. */
export type RpcClient = {
  [Name in keyof RpcHandlers]: (request: Parameters<RpcHandlers[Name]>[0], options?: CallOptions) => ReturnType<RpcHandlers[Name]>;
} & { close(): void };

/** No answer of a Perdure service. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** Connects when the first call is made. */
export function createRpcClient(address: string): RpcClient {
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': RECEIVE_BYTES,
    'grpc.max_send_message_length': -1,
  });
  const calls: Record<string, unknown> = { close: () => client.close() };
  for (const service of SERVICES) {
    for (const method of service.methods) {
      calls[method.key] = (request: unknown, options: CallOptions = {}) => unary(client, address, method, request, options);
    }
  }
  return calls as unknown as RpcClient;
}

function unary(client: Client, address: string, method: RpcMethod, request: unknown, options: CallOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + (options.deadlineMs ?? DEFAULT_DEADLINE_MS);
    const call = client.makeUnaryRequest(
      method.path,
      (message: unknown) => Buffer.from(method.request.encode(message).finish()),
      (bytes: Buffer) => method.response.decode(bytes),
      request,
      new Metadata(),
      { deadline },
      (error, response) => {
        if (error === null) resolve(response);
        else reject(toError(error, address));
      },
    );
    options.abort?.addEventListener('abort', () => call.cancel(), { once: true });
  });
}

function toError(error: ServiceError, address: string): Error {
  const details = error.metadata?.get(DETAILS_HEADER)[0];
  const known = details instanceof Buffer ? readStatus(details) : undefined;
  if (known !== undefined && Object.hasOwn(REASONS, known.reason))
    return new PerdureError(known.reason as Reason, known.message, known.metadata, known.retryAfterMs);
  const problem = (error.details || String(status[error.code])).replace(/\s*Resolution note:\s*$/, '');
  if (error.code === status.UNIMPLEMENTED) return new UnreachableError(`the server at ${address} does not know this call: ${problem}`);
  return new UnreachableError(`no answer from a Perdure service at ${address}: ${problem}`);
}
