// TextEncoder and TextDecoder (UTF-8) made of the sandbox's own objects.

const CHUNK = 8192;
/** Longer texts are left to the host. */
const LONG = 32;
/** Up to this length the host would take longer to call than the work takes. */
const TINY = 8;
const ASCII: readonly string[] = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));

/** Text functions of the host. They take and answer text and numbers, and write into arrays of the sandbox. */
export interface HostText {
  /** Bytes of the text in UTF-8. */
  utf8Length(text: string): number;
  /** Writes the whole text from position `at` on; the target is large enough. Answers how many bytes. */
  utf8Write(text: string, target: Uint8Array, at: number): number;
  /** Damaged data reads as U+FFFD. */
  utf8Read(bytes: Uint8Array, from: number, to: number): string;
  /** undefined when the data is damaged. */
  utf8ReadStrictly(bytes: Uint8Array): string | undefined;
}

let host: HostText | undefined;

export function connectText(functions: HostText): void {
  host = functions;
}

/** An error of the host (out of stack) must not get in: then the text is handled here. */
function byHost<T>(call: (functions: HostText) => T): T | undefined {
  if (host === undefined) return undefined;
  try {
    return call(host);
  } catch {
    return undefined;
  }
}

function byteLength(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    length += unit < 0x800 ? 1 : 2;
    if (isPair(text, at)) at += 1;
  }
  return length;
}

/** True when a surrogate pair starts here: four bytes for two units. */
function isPair(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
}

/** Writes until the target is full; answers how much was read and written. */
function encodeInto(text: string, target: Uint8Array): { read: number; written: number } {
  let at = 0;
  let to = 0;
  while (at < text.length) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) {
      if (to >= target.length) break;
      target[to++] = unit;
      at += 1;
      continue;
    }
    const pair = isPair(text, at);
    // A lone surrogate cannot be encoded: U+FFFD takes its place.
    const point = pair ? (text.codePointAt(at) as number) : (unit & 0xf800) === 0xd800 ? 0xfffd : unit;
    const size = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (to + size > target.length) break;
    if (size === 2) target[to++] = 0xc0 | (point >> 6);
    else {
      if (size === 3) target[to++] = 0xe0 | (point >> 12);
      else {
        target[to++] = 0xf0 | (point >> 18);
        target[to++] = 0x80 | ((point >> 12) & 0x3f);
      }
      target[to++] = 0x80 | ((point >> 6) & 0x3f);
    }
    target[to++] = 0x80 | (point & 0x3f);
    at += pair ? 2 : 1;
  }
  return { read: at, written: to };
}

export class TextEncoder {
  get encoding(): string {
    return 'utf-8';
  }

  encode(input = ''): Uint8Array {
    const text = String(input);
    if (text.length > LONG) {
      const written = byHost((functions) => {
        const target = new Uint8Array(functions.utf8Length(text));
        functions.utf8Write(text, target, 0);
        return target;
      });
      if (written !== undefined) return written;
    }
    const bytes = new Uint8Array(byteLength(text));
    encodeInto(text, bytes);
    return bytes;
  }

  encodeInto(input: string, target: Uint8Array): { read: number; written: number } {
    return encodeInto(String(input), target);
  }
}

/** Reads one code point at `at`; answers it and its length, or U+FFFD and how much of the damage to skip. */
function readPoint(bytes: Uint8Array, at: number): [point: number, size: number] {
  const lead = bytes[at] as number;
  if (lead < 0x80) return [lead, 1];
  const size = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) === 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  if (size === 0) return [-1, 1];
  let point = lead & (0xff >> (size + 1));
  for (let index = 1; index < size; index += 1) {
    const byte = bytes[at + index];
    if (byte === undefined || !continues(lead, index, byte)) return [-1, index];
    point = (point << 6) | (byte & 0x3f);
  }
  return [point, size];
}

/** Forbids overlong forms, surrogates and what lies beyond U+10FFFF. */
function continues(lead: number, index: number, byte: number): boolean {
  if ((byte & 0xc0) !== 0x80) return false;
  if (index > 1) return true;
  if (lead === 0xe0) return byte >= 0xa0;
  if (lead === 0xed) return byte < 0xa0;
  if (lead === 0xf0) return byte >= 0x90;
  return lead !== 0xf4 || byte < 0x90;
}

/** Text of a part of an array; damaged data reads as U+FFFD. */
export function readUtf8(bytes: Uint8Array, from: number, length: number): string {
  if (length <= TINY) {
    let text = '';
    let at = from;
    for (; at < from + length; at += 1) {
      const unit = ASCII[bytes[at] as number];
      if (unit === undefined) break;
      text += unit;
    }
    if (at === from + length) return text;
  }
  return byHost((functions) => functions.utf8Read(bytes, from, from + length)) ?? decode(bytes.subarray(from, from + length), false);
}

/** Writes the whole text from position `at` on; the target is large enough. Answers how many bytes. */
export function writeUtf8(text: string, target: Uint8Array, at: number): number {
  return byHost((functions) => functions.utf8Write(text, target, at)) ?? encodeInto(text, target.subarray(at)).written;
}

/** The end of the run of ASCII that starts at `from`. */
function endOfAscii(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && (bytes[at] as number) < 0x80) at += 1;
  return at;
}

function decode(bytes: Uint8Array, fatal: boolean): string {
  const ascii = endOfAscii(bytes, 0);
  let text = '';
  for (let at = 0; at < ascii; at += CHUNK) {
    text += String.fromCharCode.apply(null, bytes.subarray(at, Math.min(at + CHUNK, ascii)) as unknown as number[]);
  }
  return ascii === bytes.length ? text : text + decodeRest(bytes.subarray(ascii), fatal);
}

function decodeRest(bytes: Uint8Array, fatal: boolean): string {
  let text = '';
  let units: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at] as number;
    if (byte < 0x80) {
      units.push(byte);
      at += 1;
    } else {
      const [point, size] = readPoint(bytes, at);
      if (point < 0 && fatal) throw new TypeError('the data is not valid UTF-8');
      if (point < 0x10000) units.push(point < 0 ? 0xfffd : point);
      else units.push(0xd7c0 + (point >> 10), 0xdc00 | (point & 0x3ff));
      at += size;
    }
    if (units.length >= CHUNK) {
      text += String.fromCharCode.apply(null, units);
      units = [];
    }
  }
  return units.length === 0 ? text : text + String.fromCharCode.apply(null, units);
}

export class TextDecoder {
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;

  constructor(label = 'utf-8', options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    if (!/^(utf-?8|unicode-1-1-utf-8)$/i.test(String(label).trim()))
      throw new RangeError(`TextDecoder: encoding "${label}" is not supported here`);
    this.fatal = options.fatal ?? false;
    this.ignoreBOM = options.ignoreBOM ?? false;
  }

  get encoding(): string {
    return 'utf-8';
  }

  decode(input?: ArrayBuffer | ArrayBufferView): string {
    if (input === undefined) return '';
    const bytes = input instanceof Uint8Array ? input : ArrayBuffer.isView(input) ? view(input) : new Uint8Array(input);
    const skip = !this.ignoreBOM && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    const rest = skip === 0 ? bytes : bytes.subarray(skip);
    // Damaged data is reported from here, not by an error of the host.
    if (!this.fatal) return readUtf8(rest, 0, rest.length);
    return (rest.length > LONG ? byHost((functions) => functions.utf8ReadStrictly(rest)) : undefined) ?? decode(rest, true);
  }
}

function view(input: ArrayBufferView): Uint8Array {
  return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
}
