/** Codecs: what happens to payloads between user code and the wire, for example encryption or compression. */
import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import { ENCODING_NULL } from './payload-converter.ts';

/** Changes payloads on their way out and back. Runs outside of workflow code, so it may be asynchronous and use anything. */
export interface PayloadCodec {
  /** One payload for each given, in order. A rejection fails the call or task with the error's message. */
  encode(payloads: readonly Payload[]): Promise<Payload[]>;
  /** Undoes `encode`; must leave payloads alone that it did not encode. */
  decode(payloads: readonly Payload[]): Promise<Payload[]>;
}

/** How values become payloads. */
export interface DataConverter {
  /** Applied in this order on the way out, in reverse on the way back. Default none. Client and worker must agree. */
  codecs?: readonly PayloadCodec[];
}

/** A codec threw, or answered nonsense. */
export class PayloadCodecError extends Error {
  override readonly name: string = 'PayloadCodecError';
}

/** Encodes every payload found anywhere in `message`, in place. */
export async function encodeMessage(converter: DataConverter, message: unknown): Promise<void> {
  for (const codec of converter.codecs ?? []) await apply(message, (payloads) => codec.encode(payloads), 'encode');
}

/** Decodes every payload found anywhere in `message`, in place. */
export async function decodeMessage(converter: DataConverter, message: unknown): Promise<void> {
  for (const codec of [...(converter.codecs ?? [])].reverse()) await apply(message, (payloads) => codec.decode(payloads), 'decode');
}

/** True if there is anything to do: callers skip the walk, and its await, otherwise. */
export function hasCodecs(converter: DataConverter): boolean {
  return (converter.codecs?.length ?? 0) > 0;
}

async function apply(message: unknown, change: (payloads: Payload[]) => Promise<Payload[]>, what: string): Promise<void> {
  const set = new Set<Payload>();
  collect(message, set);
  const found = [...set];
  if (found.length === 0) return;
  let changed: Payload[];
  try {
    changed = await change(found);
  } catch (error) {
    throw new PayloadCodecError(`a codec could not ${what} payloads: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (changed.length !== found.length) {
    throw new PayloadCodecError(`a codec was given ${found.length} payloads to ${what} and returned ${changed.length}`);
  }
  for (const [index, payload] of found.entries()) Object.assign(payload, changed[index]);
}

/** Payloads that hold nothing stay as they are: the service knows them as "remove this name". */
function collect(value: unknown, found: Set<Payload>): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  if (Array.isArray(value)) {
    for (const item of value) collect(item, found);
    return;
  }
  const { encoding, data } = value as Partial<Payload>;
  if (typeof encoding === 'string' && data instanceof Uint8Array) {
    if (encoding !== ENCODING_NULL) found.add(value as Payload);
    return;
  }
  for (const item of Object.values(value)) collect(item, found);
}
