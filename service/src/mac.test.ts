import { createHmac, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { hmac } from './mac.ts';

test('equals the platform HMAC for keys and messages of every size', () => {
  for (const keyBytes of [0, 1, 32, 63, 64, 65, 200]) {
    const key = randomBytes(keyBytes);
    for (const bytes of [0, 1, 55, 64, 1_000]) {
      const message = randomBytes(bytes);
      const half = bytes >> 1;
      const expected = createHmac('sha256', key).update(message).digest();
      expect(hmac(key, message)).toEqual(expected);
      expect(hmac(key, message.subarray(0, half), message.subarray(half))).toEqual(expected);
    }
  }
});
