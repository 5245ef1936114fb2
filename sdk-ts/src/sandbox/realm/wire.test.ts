import { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { expect, test } from 'vitest';
import { BinaryReader, BinaryWriter } from './wire.ts';

const INTEGERS = [0n, 1n, 127n, 128n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 49n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, -1n, -(2n ** 63n)];
const TEXTS = [
  '',
  'a',
  'exactly8',
  'x'.repeat(24),
  'y'.repeat(25),
  'z'.repeat(126),
  'z'.repeat(127),
  'ä',
  'Größe 😀',
  'ß'.repeat(70),
  '\ud800 half',
];

/** The same message by the codec of the generated code. */
function eventWith(id: bigint, text: string, data: Uint8Array): HistoryEvent {
  return HistoryEvent.fromPartial({
    id,
    time: { seconds: id, nanos: 5 },
    attributes: {
      $case: 'workflowStarted',
      value: { workflowId: text, attempt: -7, input: [{ encoding: text, data, metadata: { [text]: data } }] },
    },
  });
}

test('writes what the generated code writes', () => {
  for (const id of INTEGERS) {
    for (const text of TEXTS) {
      const event = eventWith(id, text, new Uint8Array(text.length * 40).fill(text.length));
      expect(HistoryEvent.encode(event, new BinaryWriter() as never).finish()).toEqual(HistoryEvent.encode(event).finish());
    }
  }
});

test('reads what it wrote', () => {
  const writer = new BinaryWriter();
  for (const value of INTEGERS) writer.int64(value);
  for (const text of TEXTS) writer.string(text);
  writer
    .int32(-5)
    .int32(7)
    .uint32(4_294_967_295)
    .bool(true)
    .bool(false)
    .double(-0.1)
    .bytes(new Uint8Array([1, 2, 3]));
  const reader = new BinaryReader(writer.finish());
  for (const value of INTEGERS) expect(reader.int64()).toBe(value);
  for (const text of TEXTS) expect(reader.string()).toBe(text.toWellFormed());
  expect([reader.int32(), reader.int32(), reader.uint32(), reader.bool(), reader.bool(), reader.double()]).toEqual([
    -5,
    7,
    4_294_967_295,
    true,
    false,
    -0.1,
  ]);
  expect(reader.bytes()).toEqual(new Uint8Array([1, 2, 3]));
  expect(reader.pos).toBe(reader.len);
});

test('two writers at once do not meet', () => {
  const outer = new BinaryWriter().string('outer');
  const inner = new BinaryWriter().string('inner').finish();
  expect(new BinaryReader(outer.string('end').finish()).string()).toBe('outer');
  expect(new BinaryReader(inner).string()).toBe('inner');
});

test('refuses data that ends too early', () => {
  const bytes = new BinaryWriter().string('whole').finish();
  expect(() => new BinaryReader(bytes.subarray(0, 3)).string()).toThrow('premature EOF');
  expect(() => new BinaryReader(new Uint8Array([0x80])).uint32()).toThrow('premature EOF');
  expect(() => new BinaryReader(new Uint8Array([0x80])).int64()).toThrow('premature EOF');
  expect(() => new BinaryReader(new Uint8Array([10, 9])).skip(2)).toThrow('premature EOF');
});
