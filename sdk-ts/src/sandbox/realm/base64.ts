// atob and btoa: pure functions that libraries take for granted.

import { DOMException } from './events.ts';

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Characters of one byte each as base64. Throws InvalidCharacterError beyond U+00FF. */
export function btoa(input: string): string {
  const text = String(input);
  let base64 = '';
  for (let at = 0; at < text.length; at += 3) {
    const [one, two, three] = [text.charCodeAt(at), text.charCodeAt(at + 1), text.charCodeAt(at + 2)];
    if (one > 255 || two > 255 || three > 255) throw new DOMException('btoa: a character is beyond U+00FF', 'InvalidCharacterError');
    base64 += digit(one >> 2) + digit((one << 4) | (two >> 4));
    // Beyond the end the codes are NaN: the fourth of a group stands for nothing.
    base64 += at + 1 < text.length ? digit((two << 2) | (three >> 6)) : '=';
    base64 += at + 2 < text.length ? digit(three) : '=';
  }
  return base64;
}

function digit(bits: number): string {
  return DIGITS.charAt(bits & 63);
}

/** The reverse; white space is ignored, padding may be left out. Throws InvalidCharacterError for anything else. */
export function atob(input: string): string {
  let base64 = String(input).replace(/[\t\n\f\r ]/g, '');
  if (base64.length % 4 === 0) base64 = base64.replace(/==?$/, '');
  if (base64.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(base64)) throw new DOMException('atob: this is not base64', 'InvalidCharacterError');
  let text = '';
  let bits = 0;
  let held = 0;
  for (const one of base64) {
    bits = ((bits << 6) | DIGITS.indexOf(one)) & 0xfff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    text += String.fromCharCode((bits >> held) & 255);
  }
  return text;
}
