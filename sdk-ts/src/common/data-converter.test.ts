import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import { expect, test } from 'vitest';
import { decodeMessage, encodeMessage, type PayloadCodec } from './data-converter.ts';
import { defaultPayloadConverter, encodeValue } from './payload-converter.ts';

const mark = (name: string): PayloadCodec => ({
  encode: async (payloads) => payloads.map((payload) => ({ ...payload, encoding: `${name}(${payload.encoding})` })),
  decode: async (payloads) => payloads.map((payload) => ({ ...payload, encoding: payload.encoding.slice(name.length + 1, -1) })),
});

test('codecs reach every payload of a message, in order and back, but none that means "remove"', async () => {
  const payload = (value: unknown): Payload => encodeValue(defaultPayloadConverter, value, 'value');
  const shared = payload('shared');
  const message = {
    commands: [{ value: { input: [payload(1), shared] } }],
    memo: { a: payload('x'), gone: payload(undefined), b: shared },
  };
  const before = structuredClone(message);
  const converter = { codecs: [mark('zip'), mark('seal')] };
  await encodeMessage(converter, message);
  expect(message.commands[0]?.value.input.map((item) => item.encoding)).toEqual(['seal(zip(json/plain))', 'seal(zip(json/plain))']);
  expect(message.memo.a.encoding).toBe('seal(zip(json/plain))');
  expect(message.memo.gone.encoding).toBe('binary/null');
  await decodeMessage(converter, message);
  expect(message).toEqual(before);
});

test('a codec that throws or loses payloads is named as the culprit', async () => {
  const message = { input: encodeValue(defaultPayloadConverter, 1, 'value') };
  const throwing = { encode: () => Promise.reject(new Error('no key')), decode: async () => [] };
  await expect(encodeMessage({ codecs: [throwing] }, message)).rejects.toThrow('a codec could not encode payloads: no key');
  await expect(decodeMessage({ codecs: [throwing] }, message)).rejects.toThrow('a codec was given 1 payloads to decode and returned 0');
});
