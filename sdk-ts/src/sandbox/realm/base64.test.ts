// The sandbox's base64 against that of Node.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { atob, btoa } from './base64.ts';

const bytes = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 40 });

test('the same text as elsewhere, and back', () => {
  fc.assert(
    fc.property(bytes, (text) => {
      const base64 = Buffer.from(text, 'latin1').toString('base64');
      expect(btoa(text)).toBe(base64);
      expect(atob(base64)).toBe(text);
      expect(atob(` ${base64.replaceAll('=', '')}\n`)).toBe(text);
    }),
  );
});

test('what is no base64, and what has none, is refused', () => {
  for (const bad of ['a', 'ab=', 'a-_b', '=', '====', 'aaaaa', 'ab=c']) expect(() => atob(bad)).toThrow('this is not base64');
  expect(() => btoa('ab€')).toThrow('beyond U+00FF');
});
