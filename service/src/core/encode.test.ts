import { Payload } from '@perdure/proto/perdure/api/v1/common';
import { History } from '@perdure/proto/perdure/api/v1/event';
import { expect, test } from 'vitest';
import { encode } from './encode.ts';

const payload = (bytes: number): Payload => ({ encoding: 'binary/plain', data: new Uint8Array(bytes).fill(7), metadata: {} });

test('gives the bytes a new writer gives, whatever was encoded before', () => {
  for (const bytes of [0, 1, 200, 5_000, 600_000, 3]) {
    expect(encode(Payload, payload(bytes))).toEqual(Payload.encode(payload(bytes)).finish());
  }
});

test('earlier results stay as they were', () => {
  const first = encode(Payload, payload(10));
  const copy = first.slice();
  encode(Payload, { ...payload(10), data: new Uint8Array(10).fill(9) });
  expect(first).toEqual(copy);
});

test('a message that cannot be encoded leaves nothing behind', () => {
  const broken = { events: [{ id: 'x', time: undefined, attributes: undefined }] } as unknown as History;
  expect(() => encode(History, broken)).toThrow();
  expect(encode(Payload, payload(4))).toEqual(Payload.encode(payload(4)).finish());
});
