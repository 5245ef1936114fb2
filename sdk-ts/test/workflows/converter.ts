// A payload converter of the user's: it runs inside the sandbox.

import type { PayloadConverter } from '../../src/common/payload-converter.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const payloadConverter: PayloadConverter = {
  toPayload: (value) => ({ encoding: 'test/shout', data: encoder.encode(JSON.stringify({ shout: value })), metadata: {} }),
  fromPayload: (payload) =>
    payload.encoding === 'test/shout' ? JSON.parse(decoder.decode(payload.data)).shout : `read ${decoder.decode(payload.data)}`,
};
