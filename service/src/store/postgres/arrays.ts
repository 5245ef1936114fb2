/**
 * Arrays in PostgreSQL's binary format, one Buffer per parameter: several times cheaper to write and to read than the
 * text that pg makes of JavaScript arrays. Layout: dimensions, has-nulls flag, element type, length, lower bound, then
 * each element's byte length (-1 for null) and bytes.
 */

const HEADER_BYTES = 20;
const BOOL = 16;
const INT8 = 20;
const INT4 = 23;
const TEXT = 25;
const UUID = 2950;
const NULL_LENGTH = -1;

function writeHeader(buffer: Buffer, elementType: number, count: number): void {
  // An empty array has no dimension at all.
  buffer.writeInt32BE(count === 0 ? 0 : 1, 0);
  buffer.writeInt32BE(0, 4);
  buffer.writeInt32BE(elementType, 8);
  if (count === 0) return;
  buffer.writeInt32BE(count, 12);
  buffer.writeInt32BE(1, 16);
}

function allocate(elementType: number, count: number, elementBytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(count === 0 ? 12 : HEADER_BYTES + count * (4 + elementBytes));
  writeHeader(buffer, elementType, count);
  return buffer;
}

export function boolArray<T>(items: readonly T[], read: (item: T) => boolean): Buffer {
  const buffer = allocate(BOOL, items.length, 1);
  let at = HEADER_BYTES;
  for (const item of items) {
    at = buffer.writeInt32BE(1, at);
    at = buffer.writeInt8(read(item) ? 1 : 0, at);
  }
  return buffer;
}

export function int4Array<T>(items: readonly T[], read: (item: T) => number): Buffer {
  const buffer = allocate(INT4, items.length, 4);
  let at = HEADER_BYTES;
  for (const item of items) {
    at = buffer.writeInt32BE(4, at);
    at = buffer.writeInt32BE(read(item), at);
  }
  return buffer;
}

const TWO_TO_32 = 2 ** 32;

/** Whole numbers of at most 2^53 - 1 either side of 0, as checks.ts makes sure. */
export function int8Array<T>(items: readonly T[], read: (item: T) => number | null): Buffer {
  const buffer = allocate(INT8, items.length, 8);
  let at = HEADER_BYTES;
  let nulls = false;
  for (const item of items) {
    const value = read(item);
    if (value === null) {
      at = buffer.writeInt32BE(NULL_LENGTH, at);
      nulls = true;
      continue;
    }
    at = buffer.writeInt32BE(8, at);
    const high = Math.floor(value / TWO_TO_32);
    at = buffer.writeInt32BE(high, at);
    at = buffer.writeUInt32BE(value - high * TWO_TO_32, at);
  }
  if (nulls) buffer.writeInt32BE(1, 4);
  return nulls ? buffer.subarray(0, at) : buffer;
}

function hexDigit(code: number): number {
  return code <= 57 ? code - 48 : code - 87;
}

/** UUIDs in lower case with dashes. */
export function uuidArray<T>(items: readonly T[], read: (item: T) => string): Buffer {
  const buffer = allocate(UUID, items.length, 16);
  let at = HEADER_BYTES;
  for (const item of items) {
    const text = read(item);
    at = buffer.writeInt32BE(16, at);
    for (let i = 0; i < 36; i += 2) {
      if (text.charCodeAt(i) === 45) i += 1;
      buffer[at] = (hexDigit(text.charCodeAt(i)) << 4) | hexDigit(text.charCodeAt(i + 1));
      at += 1;
    }
  }
  return buffer;
}

/** Well-formed texts without U+0000. */
export function textArray<T>(items: readonly T[], read: (item: T) => string | null): Buffer {
  const texts = items.map(read);
  // Three bytes hold any UTF-16 unit in UTF-8.
  const room = texts.reduce((sum, text) => sum + 4 + (text === null ? 0 : text.length * 3), HEADER_BYTES);
  const buffer = Buffer.allocUnsafe(room);
  writeHeader(buffer, TEXT, items.length);
  if (items.length === 0) return buffer.subarray(0, 12);
  let at = HEADER_BYTES;
  for (const text of texts) {
    const length = text === null ? NULL_LENGTH : buffer.write(text, at + 4);
    buffer.writeInt32BE(length, at);
    at += 4 + Math.max(length, 0);
    if (text === null) buffer.writeInt32BE(1, 4);
  }
  return buffer.subarray(0, at);
}
