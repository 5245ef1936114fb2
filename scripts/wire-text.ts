// Bytes of a message as text: one line per field, its bytes at the left, its name from proto/ and its value at the right.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Field {
  readonly name: string;
  readonly type: string;
}

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'proto/perdure/api/v1');
/** By message, then by number. */
const messages = new Map<string, Map<number, Field>>();
const enums = new Map<string, Map<number, string>>();
const TIME = new Map([
  [1, { name: 'seconds', type: 'int64' }],
  [2, { name: 'nanos', type: 'int32' }],
]);
messages.set('google.protobuf.Timestamp', TIME).set('google.protobuf.Duration', TIME);

for (const file of readdirSync(folder)) {
  // Messages of this protocol are not nested, which keeps this simple.
  for (const [, kind, name = '', body = ''] of readFileSync(join(folder, file), 'utf8').matchAll(
    /^(message|enum) (\w+) \{\n([\s\S]*?)^\}/gm,
  )) {
    if (kind === 'message')
      messages.set(
        name,
        new Map(
          [...body.matchAll(/^ +(?:repeated )?([\w.]+) (\w+) = (\d+);/gm)].map(([, type = '', field = '', n]) => [
            Number(n),
            { name: field, type },
          ]),
        ),
      );
    else enums.set(name, new Map([...body.matchAll(/^ +(\w+) = (\d+);/gm)].map(([, value = '', n]) => [Number(n), value])));
  }
}

/** Bytes in a line of text. */
const WIDTH = 16;
/** Of what is opaque to SDKs. */
const OPAQUE = 8;

const hex = (bytes: Uint8Array): string[] => [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));

/** Reads one varint; the value and where the next byte stands. */
function varint(bytes: Uint8Array, from: number): { value: bigint; next: number } {
  let value = 0n;
  for (let at = from, shift = 0n; ; at += 1, shift += 7n) {
    const byte = bytes[at];
    if (byte === undefined) throw new Error('the message ends within a number');
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return { value, next: at + 1 };
  }
}

/** The text of an encoded message of this type. Throws for fields that proto/ does not name. */
export function wireText(type: string, bytes: Uint8Array): string {
  return linesOf(type, bytes, '').join('\n');
}

function linesOf(type: string, bytes: Uint8Array, indent: string): string[] {
  const fields = messages.get(type);
  if (fields === undefined) throw new Error(`proto/ has no message ${type}`);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const key = varint(bytes, at);
    const number = Number(key.value >> 3n);
    const field = fields.get(number);
    if (field === undefined) throw new Error(`${type} has no field ${number}`);
    const value = varint(bytes, key.next);
    if ((key.value & 7n) === 0n) {
      lines.push(...line(indent, bytes.subarray(at, value.next), `${field.name}: ${nameOf(field.type, value.value)}`));
      at = value.next;
      continue;
    }
    if ((key.value & 7n) !== 2n) throw new Error(`${type}.${field.name} is of a wire type that this text does not show`);
    const end = value.next + Number(value.value);
    const content = bytes.subarray(value.next, end);
    // Histories travel encoded, so that the service need not read them.
    const inner = field.name === 'history' ? 'History' : field.type;
    if (messages.has(inner))
      lines.push(...line(indent, bytes.subarray(at, value.next), `${field.name}:`), ...linesOf(inner, content, `${indent}  `));
    else if (field.name === 'token') {
      const shown = hex(bytes.subarray(at, value.next + OPAQUE)).join(' ');
      lines.push(...aligned(indent, [`${shown} …`], `${field.name}: ${content.length} bytes, opaque`));
    } else lines.push(...line(indent, bytes.subarray(at, end), `${field.name}: ${JSON.stringify(new TextDecoder().decode(content))}`));
    at = end;
  }
  return lines;
}

const nameOf = (type: string, value: bigint): string =>
  type === 'bool' ? String(value === 1n) : (enums.get(type)?.get(Number(value)) ?? String(value));

function line(indent: string, bytes: Uint8Array, text: string): string[] {
  const all = hex(bytes);
  const rows = Array.from({ length: Math.ceil(all.length / WIDTH) }, (_, row) => all.slice(row * WIDTH, (row + 1) * WIDTH).join(' '));
  return aligned(indent, rows, text);
}

const COLUMN = WIDTH * 3 + 10;
const aligned = (indent: string, rows: readonly string[], text: string): string[] =>
  rows.map((row, at) => (at === 0 ? `${(indent + row).padEnd(COLUMN)}${indent}${text}` : indent + row));
