/** Codecs: what happens to payloads between user code and the wire, for example encryption or compression. */
import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import type { Failure } from '@perdure/proto/perdure/api/v1/failure';
import { defaultPayloadConverter, ENCODING_NULL, type PayloadConverter } from './payload-converter.ts';

/** Changes payloads on their way out and back. Runs outside of workflow code, so it may be asynchronous and use anything. */
export interface PayloadCodec {
  /** One payload for each given, in order. A rejection fails the call or task with the error's message. */
  encode(payloads: readonly Payload[]): Promise<Payload[]>;
  /** Undoes `encode`; must leave payloads alone that it did not encode. */
  decode(payloads: readonly Payload[]): Promise<Payload[]>;
}

/** How values become payloads. Clients and workers must agree. */
export interface DataConverter {
  /** Values to payloads and back. Default: undefined, bytes, JSON. A worker with workflows is given `payloadConverterModule` instead. */
  payloadConverter?: PayloadConverter;
  /** Applied in this order on the way out, in reverse on the way back. Default none. */
  codecs?: readonly PayloadCodec[];
  /**
   * Whether messages and stack traces of failures pass the codecs too. Default false: they can be read in the service, for example by
   * `perdure workflow describe`; with true they are shown as "(encoded)" there.
   */
  encodeFailures?: boolean;
}

/** The converter of values, if given, else the default one. */
export function converterOf(converter: DataConverter): PayloadConverter {
  return converter.payloadConverter ?? defaultPayloadConverter;
}

/** A codec threw, or answered nonsense. */
export class PayloadCodecError extends Error {
  override readonly name: string = 'PayloadCodecError';
}

/** Encodes every payload found anywhere in `message`, in place. */
export async function encodeMessage(converter: DataConverter, message: unknown): Promise<void> {
  if (converter.encodeFailures) forFailures(message, hideText);
  for (const codec of converter.codecs ?? []) await apply(message, (payloads) => codec.encode(payloads), 'encode');
}

/** Decodes every payload found anywhere in `message`, in place. */
export async function decodeMessage(converter: DataConverter, message: unknown): Promise<void> {
  for (const codec of [...(converter.codecs ?? [])].reverse()) await apply(message, (payloads) => codec.decode(payloads), 'decode');
  forFailures(message, showText);
}

const ENCODED = '(encoded)';
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function hideText(failure: Failure): void {
  const { message, stackTrace } = failure;
  // Shown already, or hidden already.
  if (failure.encodedAttributes !== undefined || (message === '' && stackTrace === '')) return;
  const data = encoder.encode(JSON.stringify({ message, stackTrace }));
  failure.encodedAttributes = { encoding: 'json/plain', data, metadata: {} };
  failure.message = ENCODED;
  failure.stackTrace = '';
}

/** What cannot be read stays hidden: it is not worth an error in the place of the failure. */
function showText(failure: Failure): void {
  if (failure.encodedAttributes?.encoding !== 'json/plain') return;
  try {
    const shown = JSON.parse(decoder.decode(failure.encodedAttributes.data)) as { message?: unknown; stackTrace?: unknown };
    failure.message = String(shown.message);
    failure.stackTrace = String(shown.stackTrace);
    failure.encodedAttributes = undefined;
  } catch {
    // Of another SDK, perhaps.
  }
}

/** Calls `change` for every failure in a message, causes included. */
function forFailures(value: unknown, change: (failure: Failure) => void): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  if ('stackTrace' in value && 'source' in value) change(value as Failure);
  for (const item of Object.values(value)) forFailures(item, change);
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

/**
 * Payloads that hold nothing stay as they are: the service knows them as "remove this name". Headers are for everybody on the way to read,
 * so no codec touches them.
 */
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
  if ('text' in value && 'fields' in value) return;
  for (const item of Object.values(value)) collect(item, found);
}
