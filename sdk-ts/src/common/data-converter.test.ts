import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import { expect, test } from 'vitest';
import { decodeMessage, encodeMessage, type PayloadCodec } from './data-converter.ts';
import { ApplicationFailure, errorToFailure, failureToError } from './failure.ts';
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

test('R-CONVERT-2: no codec touches headers, whatever else is called header', async () => {
  const payload = encodeValue(defaultPayloadConverter, 1, 'value');
  const message = { header: { text: { trace: 'x' }, fields: { own: { ...payload } } }, memo: { header: { ...payload } } };
  await encodeMessage({ codecs: [mark('seal')] }, message);
  expect([message.header.fields.own.encoding, message.memo.header.encoding]).toEqual(['json/plain', 'seal(json/plain)']);
});

test('R-CONVERT-3: messages and stacks of failures pass the codecs if wanted, those of causes too', async () => {
  const error = new ApplicationFailure({ message: 'card 4711 declined', type: 'Card', details: ['4711'], cause: new Error('limit 4711') });
  const codecs = [mark('seal')];
  const failure = errorToFailure(error, defaultPayloadConverter);
  await encodeMessage({ codecs, encodeFailures: true }, { failure });
  expect([failure.message, failure.stackTrace, failure.cause?.message]).toEqual(['(encoded)', '', '(encoded)']);
  expect([failure.encodedAttributes?.encoding, failure.info?.$case]).toEqual(['seal(json/plain)', 'application']);
  // Again, as on the way through another part of the SDK: nothing is lost.
  const again = structuredClone(failure);
  // Whoever has the codecs can read it, whatever they write themselves.
  await decodeMessage({ codecs }, { failure });
  const back = failureToError(failure, defaultPayloadConverter);
  expect([back.message, back.stack, (back.cause as Error).message]).toEqual([error.message, error.stack, 'limit 4711']);
  expect(failureToError(again, defaultPayloadConverter).message).toBe('(encoded)');
});

test('what is not readable in a failure stays hidden, and says so', async () => {
  const failure = errorToFailure(new Error('secret'), defaultPayloadConverter);
  await encodeMessage({ codecs: [mark('seal')], encodeFailures: true }, failure);
  await decodeMessage({ codecs: [{ encode: async (all) => [...all], decode: async (all) => [...all] }] }, failure);
  expect(failureToError(failure, defaultPayloadConverter).message).toBe('(encoded)');
});
