/** Bytes of requests to messages, and messages to bytes: as every way into the service does it, with or without gRPC. */
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { MAX_REQUEST_BYTES } from '../core/limits.ts';
import { PerdureError, tooLarge } from '../errors.ts';
import type { RpcMethod } from './contract.ts';

// Text that is no UTF-8 would otherwise be changed silently: two different ids could become one.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const strictUtf8 = (bytes: Uint8Array): string => utf8.decode(bytes);

/** Throws TOO_LARGE, or BAD_FIELD for what is no message of this kind. */
export function decodeRequest(method: RpcMethod, bytes: Uint8Array): unknown {
  if (bytes.length > MAX_REQUEST_BYTES) throw tooLarge('request', bytes.length, MAX_REQUEST_BYTES);
  try {
    return method.request.decode(new BinaryReader(bytes, strictUtf8));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new PerdureError('BAD_FIELD', `request: not a protobuf message as ${method.path} takes it (${problem})`, { field: 'request' });
  }
}
