// Protobuf's wire format inside the sandbox: takes the place of @bufbuild/protobuf/wire in the bundle of the library.
//
// There every element stored into a growing array and every 64-bit number by way of a DataView is slow, because prototypes are hardened.
// This has what generated code calls, made of plain loops; longer texts are the host's work.

import { readUtf8, writeUtf8 } from './text.ts';

const FIRST_SIZE = 1024;
/** Up to this length a loop over the characters is faster than asking the host. */
const SHORT = 24;
const TWO_32 = 4_294_967_296;

/** Writers take turns with one buffer; `finish` copies out of it. */
let spare: Uint8Array | undefined = new Uint8Array(FIRST_SIZE);
/** A large message must not keep its buffer for ever. */
const MAX_SPARE = 64 * 1024;

const NONE = new Uint8Array(0);

export class BinaryWriter {
  private buffer: Uint8Array;
  private at = 0;
  private readonly forks: number[] = [];

  constructor() {
    this.buffer = spare ?? new Uint8Array(FIRST_SIZE);
    spare = undefined;
  }

  private reserve(size: number): Uint8Array {
    const bytes = this.buffer;
    const needed = this.at + size;
    if (needed <= bytes.length) return bytes;
    const larger = new Uint8Array(Math.max(needed, bytes.length * 2));
    larger.set(bytes);
    this.buffer = larger;
    return larger;
  }

  finish(): Uint8Array {
    const result = this.buffer.slice(0, this.at);
    if (this.buffer.length <= MAX_SPARE) spare = this.buffer;
    this.buffer = NONE;
    this.at = 0;
    return result;
  }

  /** Begins a part whose length goes before it. */
  fork(): this {
    const bytes = this.reserve(1);
    this.forks.push(this.at);
    bytes[this.at++] = 0;
    return this;
  }

  join(): this {
    const from = this.forks.pop();
    if (from === undefined) throw new Error('join without fork');
    const length = this.at - from - 1;
    const size = sizeOf32(length);
    if (size > 1) {
      this.reserve(size - 1).copyWithin(from + size, from + 1, this.at);
      this.at += size - 1;
    }
    put32(this.buffer, from, length);
    return this;
  }

  uint32(value: number): this {
    if (value >>> 0 !== value) throw new Error(`invalid uint32: ${value}`);
    this.at = put32(this.reserve(5), this.at, value);
    return this;
  }

  int32(value: number): this {
    if ((value | 0) !== value) throw new Error(`invalid int32: ${value}`);
    if (value >= 0) return this.uint32(value);
    return this.int64(BigInt(value));
  }

  bool(value: boolean): this {
    this.reserve(1)[this.at++] = value ? 1 : 0;
    return this;
  }

  int64(value: bigint): this {
    const bytes = this.reserve(10);
    let at = this.at;
    // Nearly all numbers are ids and seconds: no arithmetic of large integers for them.
    if (value >= 0n && value <= 9_007_199_254_740_991n) {
      let rest = Number(value);
      while (rest >= TWO_32) {
        bytes[at++] = (rest % 128) | 0x80;
        rest = Math.floor(rest / 128);
      }
      this.at = put32(bytes, at, rest);
      return this;
    }
    let rest = BigInt.asUintN(64, value);
    for (; rest > 127n; rest >>= 7n) bytes[at++] = Number(rest & 127n) | 0x80;
    bytes[at++] = Number(rest);
    this.at = at;
    return this;
  }

  double(value: number): this {
    const bytes = this.reserve(8);
    new DataView(bytes.buffer, bytes.byteOffset + this.at, 8).setFloat64(0, value, true);
    this.at += 8;
    return this;
  }

  bytes(value: Uint8Array): this {
    this.uint32(value.length);
    this.reserve(value.length).set(value, this.at);
    this.at += value.length;
    return this;
  }

  string(value: string): this {
    const { length } = value;
    if (length <= SHORT) {
      const bytes = this.reserve(length + 1);
      let at = this.at;
      bytes[at++] = length;
      let index = 0;
      for (; index < length; index += 1) {
        const unit = value.charCodeAt(index);
        if (unit > 0x7f) break;
        bytes[at++] = unit;
      }
      if (index === length) {
        this.at = at;
        return this;
      }
    }
    const bytes = this.reserve(5 + length * 3);
    // Written where it will stand if it is ASCII, which most text is.
    const guess = sizeOf32(length);
    const start = this.at + guess;
    const written = writeUtf8(value, bytes, start);
    const size = sizeOf32(written);
    if (size !== guess) bytes.copyWithin(this.at + size, start, start + written);
    this.at = put32(bytes, this.at, written) + written;
    return this;
  }
}

function sizeOf32(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}

/** Answers the position behind it. */
function put32(bytes: Uint8Array, from: number, value: number): number {
  let at = from;
  let rest = value;
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

export class BinaryReader {
  pos = 0;
  readonly len: number;
  private readonly buffer: Uint8Array;
  /** Generated code counts here. */
  __tsProtoDecodeDepth = 0;

  constructor(bytes: Uint8Array) {
    this.buffer = bytes;
    this.len = bytes.length;
  }

  uint32(): number {
    const bytes = this.buffer;
    const first = bytes[this.pos] as number;
    if (first < 0x80) {
      this.pos += 1;
      return first;
    }
    let value = 0;
    // Ten bytes: negative numbers of 32 bits are written like those of 64.
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[this.pos++];
      if (byte === undefined) throw new RangeError('premature EOF');
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new Error('invalid varint');
  }

  int32(): number {
    return this.uint32() | 0;
  }

  bool(): boolean {
    return this.int64() !== 0n;
  }

  int64(): bigint {
    const bytes = this.buffer;
    let value = 0;
    let scale = 1;
    // Seven bytes are a number without loss.
    for (let count = 0; count < 7; count += 1) {
      const byte = bytes[this.pos++];
      if (byte === undefined) throw new RangeError('premature EOF');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return BigInt(value);
      scale *= 128;
    }
    let large = BigInt(value);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = bytes[this.pos++];
      if (byte === undefined) throw new RangeError('premature EOF');
      large |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, large);
    }
    throw new Error('invalid varint');
  }

  double(): number {
    const at = this.take(8);
    return new DataView(this.buffer.buffer, this.buffer.byteOffset + at, 8).getFloat64(0, true);
  }

  bytes(): Uint8Array {
    const length = this.uint32();
    const at = this.take(length);
    return new Uint8Array(this.buffer.buffer, this.buffer.byteOffset + at, length);
  }

  string(): string {
    const length = this.uint32();
    return readUtf8(this.buffer, this.take(length), length);
  }

  private take(length: number): number {
    const at = this.pos;
    this.pos += length;
    if (this.pos > this.len) throw new RangeError('premature EOF');
    return at;
  }

  /** Passes over a field this version does not know. */
  skip(wireType: number): void {
    if (wireType === 0) this.int64();
    else if (wireType === 1) this.take(8);
    else if (wireType === 2) this.take(this.uint32());
    else if (wireType === 5) this.take(4);
    else throw new Error(`cannot skip wire type ${wireType}`);
  }
}
