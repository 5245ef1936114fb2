// Turns values of user code into payloads and back. Runs in clients, in workers and inside the workflow sandbox: no Node imports.

import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import type { Failure } from '@perdure/proto/perdure/api/v1/failure';

export type { Payload } from '@perdure/proto/perdure/api/v1/common';

export const ENCODING_NULL = 'binary/null';
export const ENCODING_PLAIN = 'binary/plain';
export const ENCODING_JSON = 'json/plain';
const ENCODING_PROTOBUF = 'binary/protobuf';
/** Metadata of ENCODING_PROTOBUF: the full name of the message. */
const MESSAGE_TYPE = 'messageType';

/** How errors become failures of the protocol and back. `usual` is what the SDK does without it. Neither function may throw. */
export interface FailureConverter {
  toFailure(error: unknown, usual: (error: unknown) => Failure): Failure;
  toError(failure: Failure, usual: (failure: Failure) => Error): Error;
}

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
  /** What becomes of errors. Default: classes, messages, stacks, causes and details are kept. */
  readonly failures?: FailureConverter;
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

/** undefined ↔ "binary/null". */
export const undefinedConverter: PayloadConverter = {
  encodings: [ENCODING_NULL],
  toPayload: (value) => (value === undefined ? { encoding: ENCODING_NULL, data: EMPTY, metadata: {} } : undefined),
  fromPayload: () => undefined,
};

/** Uint8Array ↔ "binary/plain". */
export const bytesConverter: PayloadConverter = {
  encodings: [ENCODING_PLAIN],
  // Copied: the caller may change its array before the payload leaves.
  toPayload: (value) => (value instanceof Uint8Array ? { encoding: ENCODING_PLAIN, data: new Uint8Array(value), metadata: {} } : undefined),
  fromPayload: (payload) => new Uint8Array(payload.data),
};

/** All that JSON.stringify takes ↔ "json/plain". */
export const jsonConverter: PayloadConverter = {
  encodings: [ENCODING_JSON],
  toPayload(value) {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError('it has no JSON form');
    return { encoding: ENCODING_JSON, data: encoder.encode(text), metadata: {} };
  },
  fromPayload: (payload) => JSON.parse(decoder.decode(payload.data)),
};

/** A kind of protobuf message, as generated code of any library knows it. */
export interface ProtobufType {
  /** Full name, for example "shop.v1.Order": it travels with the payload. */
  readonly name: string;
  encode(message: never): Uint8Array;
  decode(data: Uint8Array): unknown;
  /** Whether a value is such a message. Default: its `$type` or `$typeName` is the name. */
  is?(value: object): boolean;
}

/**
 * Messages of the given types ↔ "binary/protobuf". For a chain before JSON. Example, with ts-proto:
 * `protobufConverter([{ name: 'shop.v1.Order', encode: (order) => Order.encode(order).finish(), decode: Order.decode }])`.
 */
export function protobufConverter(types: readonly ProtobufType[]): PayloadConverter {
  const named = (value: object, name: string): boolean =>
    (value as { $type?: unknown }).$type === name || (value as { $typeName?: unknown }).$typeName === name;
  return {
    encodings: [ENCODING_PROTOBUF],
    toPayload(value) {
      if (typeof value !== 'object' || value === null) return undefined;
      const type = types.find((one) => one.is?.(value) ?? named(value, one.name));
      if (type === undefined) return undefined;
      // Of this realm, and a plain array: libraries answer Buffers too.
      const data = new Uint8Array(type.encode(value as never));
      return { encoding: ENCODING_PROTOBUF, data, metadata: { [MESSAGE_TYPE]: encoder.encode(type.name) } };
    },
    fromPayload({ data, metadata }) {
      const name = decoder.decode(metadata[MESSAGE_TYPE] ?? EMPTY);
      const type = types.find((one) => one.name === name);
      if (type !== undefined) return type.decode(data);
      throw new TypeError(`message type "${name}" is not known here (known: ${types.map((one) => one.name).join(', ')})`);
    },
  };
}

/** Asks the given converters in order. Of several `failures` the first counts. */
export function chainConverters(converters: readonly PayloadConverter[]): PayloadConverter {
  const failures = converters.find((converter) => converter.failures !== undefined)?.failures;
  return {
    ...(failures !== undefined && { failures }),
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

/** One payload to a value; no payload is undefined, and so is one that says nothing at all. Throws PayloadDecodeError. */
export function decodeValue(converter: PayloadConverter, payload: Payload | undefined, what: string): unknown {
  if (payload === undefined || (payload.encoding === '' && payload.data.length === 0)) return undefined;
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
