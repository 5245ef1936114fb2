// Encrypts all that workflows, activities and clients say to each other: AES-256-GCM, with a key named in each payload.
// The service, its database and its tools see what is encrypted only.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@perdure/sdk/client';

/** Keys of 32 bytes by id, for example from a key management service. Old keys stay as long as runs that used them. */
export interface KeyRing {
  /** The id of the key for what is written from now on. */
  readonly current: string;
  /** Undefined or a rejection: the key is not known here. */
  key(id: string): Uint8Array | undefined | Promise<Uint8Array | undefined>;
}

const ENCODING = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';
const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const LENGTH_BYTES = 4;

/** A codec for the option `dataConverter` of clients and workers. Its errors say which key was wanted, never what a payload holds. */
export function encryptionCodec(keys: KeyRing): PayloadCodec {
  return {
    encode: async (payloads) => {
      const id = keys.current;
      const key = await keyOf(keys, id);
      return payloads.map((payload) => seal(payload, id, key));
    },
    decode: (payloads) =>
      Promise.all(
        payloads.map(async (payload) => {
          // Written before there was encryption, or by the service.
          if (payload.encoding !== ENCODING) return payload;
          const id = Buffer.from(payload.metadata[KEY_ID] ?? []).toString();
          return open(payload, id, await keyOf(keys, id));
        }),
      ),
  };
}

async function keyOf(keys: KeyRing, id: string): Promise<Uint8Array> {
  const key = await keys.key(id);
  if (key === undefined) throw new Error(`the encryption key "${id}" is not known here`);
  if (key.length !== KEY_BYTES) throw new Error(`the encryption key "${id}" has ${key.length} bytes, not ${KEY_BYTES}`);
  return key;
}

/** Nonce, tag, and the encrypted payload. The key's id is not secret, but it cannot be changed unseen. */
function seal(payload: Payload, id: string, key: Uint8Array): Payload {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, iv).setAAD(Buffer.from(id));
  const sealed = [cipher.update(pack(payload)), cipher.final()];
  return { encoding: ENCODING, data: Buffer.concat([iv, cipher.getAuthTag(), ...sealed]), metadata: { [KEY_ID]: Buffer.from(id) } };
}

function open({ data }: Payload, id: string, key: Uint8Array): Payload {
  const decipher = createDecipheriv(ALGORITHM, key, data.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES }).setAAD(Buffer.from(id));
  try {
    decipher.setAuthTag(data.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    return unpack(Buffer.concat([decipher.update(data.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]));
  } catch (error) {
    throw new Error(`a payload cannot be decrypted by the key known here as "${id}": it was written with another one, or changed since`, {
      cause: error,
    });
  }
}

/** A payload as bytes: the length of a head, the head as JSON, the data. */
function pack({ encoding, metadata, data }: Payload): Buffer {
  const entries = Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value).toString('base64')]);
  const head = Buffer.from(JSON.stringify({ encoding, metadata: Object.fromEntries(entries) }));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, data]);
}

function unpack(bytes: Buffer): Payload {
  const end = LENGTH_BYTES + bytes.readUInt32BE();
  const head = JSON.parse(bytes.subarray(LENGTH_BYTES, end).toString()) as { encoding: string; metadata: Record<string, string> };
  const metadata = Object.entries(head.metadata).map(([name, value]) => [name, Buffer.from(value, 'base64')] as const);
  return { encoding: head.encoding, data: bytes.subarray(end), metadata: Object.fromEntries(metadata) };
}
