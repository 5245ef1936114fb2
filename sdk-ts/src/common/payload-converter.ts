// Turns values of user code into payloads and back. Runs in clients, in workers and inside the workflow sandbox: no Node imports.

import type { Payload } from '@perdure/proto/perdure/api/v1/common';

export const ENCODING_NULL = 'binary/null';
export const ENCODING_PLAIN = 'binary/plain';
export const ENCODING_JSON = 'json/plain';

/**
 * Converts one value. A chain of converters is asked in order; the first that answers wins.
 * A converter must be deterministic: inside the sandbox it runs again on every replay.
 */
export interface PayloadConverter {
  /** The payload, or undefined when this converter does not take such values. Throws when it should but cannot. */
  toPayload(value: unknown): Payload | undefined;
  /** The value. Throws when the encoding is not known or the data is damaged. */
  fromPayload(payload: Payload): unknown;
  /** Encodings `fromPayload` understands; without it the converter is asked for everything. */
  readonly encodings?: readonly string[];
}

/** A value that could not be turned into a payload. `message` names the position and the kind of value. */
export class PayloadEncodeError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PayloadEncodeError';
  }
}

/** A payload that could not be turned into a value. `message` names the position and the encoding. */
export class PayloadDecodeError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PayloadDecodeError';
  }
}

const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const undefinedConverter: PayloadConverter = {
  encodings: [ENCODING_NULL],
  toPayload: (value) => (value === undefined ? { encoding: ENCODING_NULL, data: EMPTY, metadata: {} } : undefined),
  fromPayload: () => undefined,
};

const bytesConverter: PayloadConverter = {
  encodings: [ENCODING_PLAIN],
  // Copied: the caller may change its array before the payload leaves.
  toPayload: (value) => (value instanceof Uint8Array ? { encoding: ENCODING_PLAIN, data: new Uint8Array(value), metadata: {} } : undefined),
  fromPayload: (payload) => new Uint8Array(payload.data),
};

const jsonConverter: PayloadConverter = {
  encodings: [ENCODING_JSON],
  toPayload(value) {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError('it has no JSON form');
    return { encoding: ENCODING_JSON, data: encoder.encode(text), metadata: {} };
  },
  fromPayload: (payload) => JSON.parse(decoder.decode(payload.data)),
};

/** Asks the given converters in order. */
export function chainConverters(converters: readonly PayloadConverter[]): PayloadConverter {
  return {
    toPayload(value) {
      for (const converter of converters) {
        const payload = converter.toPayload(value);
        if (payload !== undefined) return payload;
      }
      return undefined;
    },
    fromPayload(payload) {
      for (const converter of converters) {
        if (converter.encodings === undefined || converter.encodings.includes(payload.encoding)) return converter.fromPayload(payload);
      }
      const known = converters.flatMap((converter) => converter.encodings ?? []);
      throw new PayloadDecodeError(`encoding "${payload.encoding}" is not known here (known: ${known.join(', ')})`);
    },
  };
}

/** undefined → "binary/null", Uint8Array → "binary/plain", everything else JSON → "json/plain". */
export const defaultPayloadConverter: PayloadConverter = chainConverters([undefinedConverter, bytesConverter, jsonConverter]);

/** What kind of value this is, for error messages. */
function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`;
  if (typeof value !== 'object') return typeof value;
  const name = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === 'string' && name !== 'Object' ? name : 'object';
}

/** One value to a payload; `what` names its position, for example "argument 2 of activity charge". Throws PayloadEncodeError. */
export function encodeValue(converter: PayloadConverter, value: unknown, what: string): Payload {
  let payload: Payload | undefined;
  try {
    payload = converter.toPayload(value);
  } catch (error) {
    throw new PayloadEncodeError(`${what} (${kindOf(value)}) cannot be serialized: ${messageOf(error)}`, { cause: error });
  }
  if (payload === undefined) throw new PayloadEncodeError(`${what} (${kindOf(value)}) cannot be serialized: no payload converter takes it`);
  return payload;
}

/** A list of values, for example arguments; `what` names them, for example "activity charge". Throws PayloadEncodeError. */
export function encodeValues(converter: PayloadConverter, values: readonly unknown[], what: string): Payload[] {
  return values.map((value, index) => encodeValue(converter, value, `argument ${index + 1} of ${what}`));
}

/** One payload to a value; no payload is undefined. Throws PayloadDecodeError. */
export function decodeValue(converter: PayloadConverter, payload: Payload | undefined, what: string): unknown {
  if (payload === undefined) return undefined;
  try {
    return converter.fromPayload(payload);
  } catch (error) {
    throw new PayloadDecodeError(
      `${what} (encoding "${payload.encoding}", ${payload.data.length} bytes) cannot be read: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** A list of payloads. Throws PayloadDecodeError. */
export function decodeValues(converter: PayloadConverter, payloads: readonly Payload[], what: string): unknown[] {
  return payloads.map((payload, index) => decodeValue(converter, payload, `argument ${index + 1} of ${what}`));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
