import { expect, test } from 'vitest';
import { defaultPayloadConverter as converter, decodeValue, decodeValues, encodeValue, encodeValues } from './payload-converter.ts';

const roundTrip = (value: unknown): unknown => decodeValue(converter, encodeValue(converter, value, 'x'), 'x');

test('values come back as they were', () => {
  for (const value of [null, 0, 'ä€😀', true, [1, [2]], { a: { b: null } }, new Uint8Array([0, 255])])
    expect(roundTrip(value)).toEqual(value);
  expect(roundTrip(undefined)).toBeUndefined();
});

test('each kind has its encoding', () => {
  const encodings = encodeValues(converter, [undefined, new Uint8Array(1), 1], 'x').map((payload) => payload.encoding);
  expect(encodings).toEqual(['binary/null', 'binary/plain', 'json/plain']);
});

test('bytes are copied both ways', () => {
  const bytes = new Uint8Array([1]);
  const payload = encodeValue(converter, bytes, 'x');
  bytes[0] = 2;
  expect(payload.data[0]).toBe(1);
  const out = decodeValue(converter, payload, 'x') as Uint8Array;
  out[0] = 3;
  expect(payload.data[0]).toBe(1);
});

test('errors name position and kind', () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  expect(() => encodeValues(converter, [1, 2n], 'activity charge')).toThrow(
    /^argument 2 of activity charge \(bigint\) cannot be serialized: /,
  );
  expect(() => encodeValue(converter, () => {}, 'the result')).toThrow(/the result \(function \(anonymous\)\) cannot be serialized/);
  expect(() => encodeValue(converter, cycle, 'memo a')).toThrow(/memo a \(object\) cannot be serialized: .*circular/i);
  const damaged = { encoding: 'json/plain', data: new TextEncoder().encode('{'), metadata: {} };
  expect(() => decodeValues(converter, [damaged], 'signal s')).toThrow(
    /argument 1 of signal s \(encoding "json\/plain", 1 bytes\) cannot be read/,
  );
  expect(() => decodeValue(converter, { ...damaged, encoding: 'gzip' }, 'x')).toThrow(
    /"gzip" is not known here \(known: binary\/null, binary\/plain, json\/plain\)/,
  );
});
