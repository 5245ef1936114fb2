// Writes values backwards, and hides what was written.
import { chainConverters, type Payload, type PayloadConverter, undefinedConverter } from '@perdure/sdk/workflow';

const reversed: PayloadConverter = {
  encodings: ['test/reversed'],
  toPayload: (value) => ({
    encoding: 'test/reversed',
    data: new TextEncoder().encode([...JSON.stringify(value)].reverse().join('')),
    metadata: {},
  }),
  fromPayload: ({ data }) => JSON.parse([...new TextDecoder().decode(data)].reverse().join('')) as unknown,
};

export const payloadConverter: PayloadConverter = chainConverters([undefinedConverter, reversed]);

const flip = (data: Uint8Array): Uint8Array => data.map((byte) => byte ^ 0xff);

export const codecs = [
  {
    encode: async (payloads: readonly Payload[]) =>
      payloads.map(({ encoding, data, metadata }) => ({ encoding: `flipped/${encoding}`, data: flip(data), metadata })),
    decode: async (payloads: readonly Payload[]) =>
      payloads.map((payload) =>
        payload.encoding.startsWith('flipped/')
          ? { ...payload, encoding: payload.encoding.slice('flipped/'.length), data: flip(payload.data) }
          : payload,
      ),
  },
];
