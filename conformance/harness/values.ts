// Values of scenarios: `${name}` and the `$` forms of data on the way to protobuf JSON, and answers on the way back.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: scenarios write names so
import { randomBytes } from 'node:crypto';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Looks up a name of `${name}`; undefined if there is none. */
export type Lookup = (name: string) => Json | undefined;

/** Replaces `${name}` everywhere; a string that is nothing else becomes the value itself. `$${` is `${`. */
export function fillIn(value: Json, lookup: Lookup): Json {
  if (typeof value === 'string') return fillInText(value, lookup);
  if (Array.isArray(value)) return value.map((item) => fillIn(item as Json, lookup));
  if (!isObject(value)) return value;
  // `${i}` in what is repeated is for the copies.
  const inner: Lookup = '$repeat' in value ? (name) => (name === 'i' ? '${i}' : lookup(name)) : lookup;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [String(fillInText(key, inner)), fillIn(item, inner)]));
}

function fillInText(text: string, lookup: Lookup): Json {
  const found = (name: string): Json => {
    const value = lookup(name);
    if (value === undefined) throw new Error(`\${${name}} has no value`);
    return value;
  };
  const [whole] = text.matchAll(/^\$\{([^}]+)\}$/g);
  if (whole?.[1] !== undefined) return found(whole[1]);
  return text.replace(/\$\$\{|\$\{([^}]+)\}/g, (_, name: string | undefined) => (name === undefined ? '${' : asText(found(name))));
}

function asText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const UNITS: Record<string, number> = { B: 1, KiB: 1024, MiB: 1024 * 1024 };

/** `1024`, `2KiB`, `3.5MiB` in bytes. */
function sizeOf(value: Json | undefined): number {
  const match = /^(\d+(?:\.\d+)?)(B|KiB|MiB)?$/.exec(String(value));
  if (match === null) throw new Error(`${JSON.stringify(value)} is not a size`);
  return Math.floor(Number(match[1]) * (UNITS[match[2] ?? 'B'] ?? 1));
}

export function bytesOfHex(hex: string): Uint8Array {
  const clean = hex.replace(/\s+/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(clean)) throw new Error(`${hex} is not hexadecimal`);
  return Uint8Array.from(Buffer.from(clean, 'hex'));
}

const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64');

/** A JSON value as the payload every SDK makes of it. */
export function payloadOf(value: Json): JsonObject {
  return { encoding: 'json/plain', data: base64(JSON.stringify(value)) };
}

const DURATION = /^(-?\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const DURATION_KEY = /(timeout|interval|delay|duration|timer|retryAfter)$/i;
const SECONDS: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3_600, d: 86_400 };

/** `250ms`, `1.5s`, `10m` in ms. */
export function durationMs(text: string): number {
  const match = DURATION.exec(text);
  if (match === null) throw new Error(`${text} is not a duration`);
  return Number(match[1]) * (SECONDS[match[2] ?? 's'] ?? 1) * 1_000;
}

function durationOf(text: string): JsonObject {
  const ms = durationMs(text);
  return { seconds: Math.trunc(ms / 1_000), nanos: Math.round((ms % 1_000) * 1_000_000) + 0 };
}

/** The `$` forms, by name. */
const FORMS: Record<string, (value: Json, whole: JsonObject) => Json> = {
  /** The payload of a JSON value. */
  $json: (value, { $json: _, ...rest }) => ({ ...payloadOf(value), ...rest }),
  /** Bytes, in hexadecimal. */
  $hex: (value) => base64(bytesOfHex(String(value))),
  /** A payload of that many bytes which no compression makes small. */
  $payload: (value) => ({ encoding: 'binary/plain', data: base64(randomBytes(sizeOf(value))) }),
  /** Text of that many characters `of`, by default x. */
  $text: (value, { of }) => String(of ?? 'x').repeat(sizeOf(value)),
  /** Bytes with one bit changed, at the byte `at` (default the middle): a forged token. */
  $flip: (value, { at }) => {
    const bytes = Buffer.from(String(value), 'base64');
    const index = Number(at ?? Math.floor(bytes.length / 2));
    bytes.writeUInt8(bytes.readUInt8(index) ^ 1, index);
    return base64(bytes);
  },
  /** Bytes without the last `bytes` (default 1). */
  $cut: (value, { bytes }) => base64(Buffer.from(String(value), 'base64').subarray(0, -Number(bytes ?? 1))),
  /** Bytes one behind the other. */
  $concat: (value) => base64(Buffer.concat((value as Json[]).map((part) => Buffer.from(String(toProto(part)), 'base64')))),
  /** The bytes from `from` (default 0) up to before `to` (default the end). */
  $slice: (value, { from, to }) =>
    base64(Buffer.from(String(value), 'base64').subarray(Number(from ?? 0), to === undefined ? undefined : Number(to))),
  /** Ms between two times. */
  $elapsed: (value) => {
    const [from, to] = value as string[];
    return Date.parse(to ?? '') - Date.parse(from ?? '');
  },
  /** As many copies of `item`; `${i}` in it counts from 1. */
  $repeat: (value, { item }) =>
    Array.from({ length: Number(value) }, (_, i) => fillIn(item ?? null, (name) => (name === 'i' ? i + 1 : undefined))),
  /** A map of that many keys k1, k2 … to `item`. */
  $keys: (value, { item }) => Object.fromEntries(Array.from({ length: Number(value) }, (_, i) => [`k${i + 1}`, item ?? null])),
};

/** A scenario's value as the protobuf JSON that generated code reads. */
export function toProto(value: Json, key = ''): Json {
  if (typeof value === 'string') return DURATION_KEY.test(key) && DURATION.test(value) ? durationOf(value) : value;
  if (Array.isArray(value)) return value.map((item) => toProto(item as Json, key));
  if (!isObject(value)) return value;
  const form = Object.keys(value).find((name) => name in FORMS);
  if (form !== undefined) return toProto(FORMS[form]?.(value[form] ?? null, value) ?? null, key);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, toProto(item, name)]));
}

/** An answer as scenarios see it: payloads of JSON as `$json`, durations as `1.5s`. */
export function fromProto(value: Json, key = ''): Json {
  if (Array.isArray(value)) return value.map((item) => fromProto(item as Json, key));
  if (!isObject(value)) return value;
  const { encoding, data, seconds, nanos } = value;
  if (encoding === 'json/plain' && typeof data === 'string') {
    const { encoding: _, data: __, metadata, ...rest } = value;
    return { $json: parse(data), ...rest, ...(isObject(metadata) && Object.keys(metadata).length > 0 ? { metadata } : {}) };
  }
  const isDuration = DURATION_KEY.test(key) && Object.keys(value).every((name) => name === 'seconds' || name === 'nanos');
  if (isDuration) return `${Number(seconds ?? 0) + Number(nanos ?? 0) / 1e9}s`;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fromProto(item, name)]));
}

function parse(data: string): Json {
  const text = Buffer.from(data, 'base64').toString();
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** A UUID whose first bits are the time, as request ids are. */
export function uuidv7(): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes.writeUInt8(0x70 | (bytes.readUInt8(6) & 0x0f), 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
