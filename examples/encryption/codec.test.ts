// The encryption codec alone: what it hides, what it leaves, and what it says when it cannot decrypt.
import { randomBytes } from 'node:crypto';
import type { Payload } from '@perdure/sdk/client';
import { expect, test } from 'vitest';
import { encryptionCodec, type KeyRing } from './codec.ts';

const first = randomBytes(32);
const second = randomBytes(32);
const ring = (current: string, keys: Record<string, Uint8Array>): KeyRing => ({ current, key: (id) => keys[id] });
const payload: Payload = { encoding: 'json/plain', data: Buffer.from('"4711 0815"'), metadata: { messageType: Buffer.from('x') } };
const plain = ({ encoding, data, metadata }: Payload): unknown => [encoding, Buffer.from(data).toString(), Object.keys(metadata)];

test('what is encrypted comes back as it was, and shows nothing on the way', async () => {
  const codec = encryptionCodec(ring('a', { a: first }));
  const [one, other] = await codec.encode([payload, payload]);
  if (one === undefined || other === undefined) throw new Error('one for each');
  expect(plain(one)).not.toEqual(plain(other));
  expect(Buffer.from(one.data).includes('4711')).toBe(false);
  expect([one.encoding, Buffer.from(one.metadata['encryption-key-id'] ?? []).toString()]).toEqual(['binary/encrypted', 'a']);
  expect((await codec.decode([one, other])).map(plain)).toEqual([plain(payload), plain(payload)]);
});

test('after a rotation old payloads are read with the old key, new ones are written with the new', async () => {
  const old = await encryptionCodec(ring('a', { a: first })).encode([payload]);
  const codec = encryptionCodec(ring('b', { a: first, b: second }));
  const [fresh] = await codec.encode([payload]);
  expect(Buffer.from(fresh?.metadata['encryption-key-id'] ?? []).toString()).toBe('b');
  expect((await codec.decode([...old, fresh as Payload])).map(plain)).toEqual([plain(payload), plain(payload)]);
});

test('what was never encrypted stays as it is', async () => {
  expect(await encryptionCodec(ring('a', { a: first })).decode([payload])).toEqual([payload]);
});

test('errors say which key was wanted, and nothing of the payload', async () => {
  const [sealed] = await encryptionCodec(ring('a', { a: first })).encode([payload]);
  if (sealed === undefined) throw new Error('one for each');
  const read = (keys: Record<string, Uint8Array>, what = sealed) => encryptionCodec(ring('b', keys)).decode([what]);
  await expect(read({ b: second })).rejects.toThrow('the encryption key "a" is not known here');
  await expect(read({ a: second })).rejects.toThrow(
    'a payload cannot be decrypted by the key known here as "a": it was written with another one',
  );
  await expect(read({ a: randomBytes(16) })).rejects.toThrow('the encryption key "a" has 16 bytes, not 32');
  const changed = { ...sealed, data: Buffer.from(sealed.data) };
  changed.data[40] = (changed.data[40] ?? 0) ^ 1;
  await expect(read({ a: first }, changed)).rejects.toThrow('or changed since');
  // Under another name the same bytes are another payload.
  const renamed = { ...sealed, metadata: { 'encryption-key-id': Buffer.from('b') } };
  await expect(read({ b: first }, renamed)).rejects.toThrow('cannot be decrypted');
  await expect(read({ a: first }, { ...sealed, data: sealed.data.subarray(0, 9) })).rejects.toThrow('cannot be decrypted');
  await expect(encryptionCodec(ring('c', {})).encode([payload])).rejects.toThrow('the encryption key "c" is not known here');
});
