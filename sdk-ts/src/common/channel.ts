/** One gRPC channel that reconnects by itself. Loaded with the first connection only: gRPC takes longer to load than all the rest. */

import { Channel, type ChannelOptions, credentials, Metadata, type StatusObject } from '@grpc/grpc-js';
import type { Any } from '@perdure/proto/google/protobuf/any';
import { ErrorInfo, RetryInfo } from '@perdure/proto/google/rpc/error_details';
import { Status } from '@perdure/proto/google/rpc/status';
import type { CallOptions } from './api.ts';
import { realClock } from './clock.ts';
import { protoToMs } from './duration.ts';
import { Code, type Refusal, ServiceError } from './service-error.ts';

const DEFAULT_DEADLINE_MS = 10_000;
const MiB = 1024 * 1024;
/** The service's limit; what is a little larger is left to it to refuse, because it names the field. */
const MAX_REQUEST_BYTES = 4 * MiB;
const MAX_SEND_BYTES = 8 * MiB;

const CHANNEL: ChannelOptions = {
  // A page of history may be 3.5 MiB, a single event more.
  'grpc.max_receive_message_length': 64 * MiB,
  'grpc.max_send_message_length': MAX_SEND_BYTES,
  // Who calls tries again, by its own rules.
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 15_000,
  'grpc.keepalive_permit_without_calls': 1,
  // A service that starts again is found within seconds.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
};

/** What the generated code offers for one message type. */
export interface Codec {
  encode(message: unknown): { finish(): Uint8Array };
  decode(input: Uint8Array): unknown;
}

/** Returns at once: the socket opens with the first call. */
export function openChannel(address: string): Channel {
  return new Channel(address, credentials.createInsecure(), CHANNEL);
}

export type { Channel };

/** One call. */
export function unary(
  channel: Channel,
  path: string,
  requestType: Codec,
  responseType: Codec,
  request: unknown,
  call: CallOptions,
): Promise<unknown> {
  const { deadlineMs = DEFAULT_DEADLINE_MS, abort } = call;
  return new Promise((resolve, reject) => {
    if (abort?.aborted) {
      reject(new ServiceError({ code: 1, reason: '', message: 'the call was aborted before it began', metadata: {} }));
      return;
    }
    const bytes = asBuffer(requestType.encode(request).finish());
    if (bytes.length > MAX_SEND_BYTES) {
      const message = `request: ${bytes.length} bytes, the limit is ${MAX_REQUEST_BYTES}`;
      reject(new ServiceError({ code: 3, reason: 'TOO_LARGE', message, metadata: { field: 'request' } }));
      return;
    }
    // Not by makeUnaryRequest: its interceptors, its emitter and the stack it keeps for errors take a third of what a call costs.
    const grpc = channel.createCall(path, realClock.now() + deadlineMs, null, null, null);
    const cancel = (): void => grpc.cancelWithStatus(Code.CANCELLED, 'the call was aborted');
    abort?.addEventListener('abort', cancel);
    let answer: Uint8Array | undefined;
    grpc.start(METADATA, {
      onReceiveMetadata: () => {},
      onReceiveMessage(message: Uint8Array) {
        answer = message;
      },
      onReceiveStatus(status) {
        abort?.removeEventListener('abort', cancel);
        try {
          if (status.code !== 0) reject(new ServiceError(refusalOfStatus(status)));
          else if (answer === undefined) reject(new ServiceError({ ...NO_ANSWER, code: Code.INTERNAL }));
          else resolve(responseType.decode(new Uint8Array(answer.buffer, answer.byteOffset, answer.byteLength)));
        } catch (error) {
          reject(new ServiceError({ ...NO_ANSWER, code: Code.INTERNAL, message: `the answer cannot be read: ${String(error)}` }));
        }
      },
    });
    grpc.sendMessageWithContext({}, bytes);
    grpc.halfClose();
    grpc.startRead();
  });
}

/** Sent with every call; nobody changes it but to set the same again. */
const METADATA = new Metadata();
const NO_ANSWER = { reason: '', message: 'the call ended without an answer', metadata: {} };

/** No copy: a Buffer over the same bytes. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads google.rpc.Status details; what cannot be read counts as absent. */
function refusalOfStatus({ code, details: message, metadata }: StatusObject): Refusal {
  const [details] = metadata.get('grpc-status-details-bin');
  const refusal = { code, reason: '', message, metadata: {} };
  if (!Buffer.isBuffer(details)) return refusal;
  try {
    return Status.decode(details).details.reduce<Refusal>(addDetail, refusal);
  } catch {
    return refusal;
  }
}

function addDetail(refusal: Refusal, detail: Any): Refusal {
  const type = detail.typeUrl.slice(detail.typeUrl.lastIndexOf('/') + 1);
  if (type === 'google.rpc.ErrorInfo') {
    const { reason, metadata } = ErrorInfo.decode(detail.value);
    return { ...refusal, reason, metadata };
  }
  if (type === 'google.rpc.RetryInfo') {
    const { retryDelay } = RetryInfo.decode(detail.value);
    return { ...refusal, retryAfterMs: protoToMs(retryDelay) };
  }
  return refusal;
}
