import { expect, test } from 'vitest';
import { errorToFailure, failureToError } from './failure.ts';
import {
  bytesConverter,
  chainConverters,
  defaultPayloadConverter as converter,
  decodeValue,
  decodeValues,
  encodeValue,
  encodeValues,
  jsonConverter,
  type PayloadConverter,
  protobufConverter,
  undefinedConverter,
} from './payload-converter.ts';

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

test('R-CONVERT-1: a payload that says nothing is undefined, also for a converter that does not know of it', () => {
  const nothing = { encoding: '', data: new Uint8Array(0), metadata: {} };
  expect(decodeValue(converter, nothing, 'x')).toBeUndefined();
  expect(decodeValues(jsonConverter, [nothing], 'x')).toEqual([undefined]);
  expect(() => decodeValue(converter, { ...nothing, data: new Uint8Array(1) }, 'x')).toThrow(/encoding "" is not known here/);
});

test('protobuf messages keep their type', () => {
  interface Order {
    $type: string;
    id: number;
  }
  const orders = protobufConverter([
    {
      name: 'shop.v1.Order',
      encode: (order: Order) => Buffer.from([order.id]),
      decode: ([id]) => ({ $type: 'shop.v1.Order', id }),
    },
    { name: 'shop.v1.Other', is: (value) => value instanceof Map, encode: () => new Uint8Array(0), decode: () => new Map() },
  ]);
  const chain = chainConverters([undefinedConverter, bytesConverter, orders, jsonConverter]);
  const order = { $type: 'shop.v1.Order', id: 7 };
  const payload = encodeValue(chain, order, 'x');
  expect([payload.encoding, Buffer.from(payload.metadata.messageType ?? []).toString()]).toEqual(['binary/protobuf', 'shop.v1.Order']);
  expect(decodeValue(chain, payload, 'x')).toEqual(order);
  expect(decodeValue(chain, encodeValue(chain, new Map(), 'x'), 'x')).toEqual(new Map());
  expect(encodeValue(chain, { id: 7 }, 'x').encoding).toBe('json/plain');
  expect(() => decodeValue(chain, { ...payload, metadata: {} }, 'x')).toThrow(
    'message type "" is not known here (known: shop.v1.Order, shop.v1.Other)',
  );
});

test('R-CONVERT-4: a failure converter changes what becomes of errors, and cannot hide them by failing', () => {
  class Declined extends Error {}
  const failures: NonNullable<PayloadConverter['failures']> = {
    toFailure: (error, usual) => ({ ...usual(error), message: error instanceof Declined ? 'declined!' : (error as Error).message }),
    toError: (failure, usual) => (failure.message === 'declined!' ? new Declined('back') : usual(failure)),
  };
  const own = chainConverters([{ ...jsonConverter, failures }, bytesConverter]);
  const back = failureToError(errorToFailure(new Declined('x'), own), own);
  expect([back instanceof Declined, back.message]).toEqual([true, 'back']);
  expect(failureToError(errorToFailure(new RangeError('y'), own), own).message).toBe('y');
  const broken = {
    ...jsonConverter,
    failures: {
      ...failures,
      toFailure: () => {
        throw new Error('broken');
      },
    },
  };
  expect(errorToFailure(new Error('why'), broken).message).toBe('why');
});
