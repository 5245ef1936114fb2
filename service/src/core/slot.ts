/** The unit of ownership: slot = FNV-1a 32 of (namespace UUID bytes, 0x00, workflow id UTF-8) mod 4096. Never changes. */

/** Number of slots; a constant of the format, not a setting. */
export const SLOTS = 4096;

const utf8 = new TextEncoder();
const DASH = 45;

/** Slot of a workflow id. `namespaceId` is a UUID in text form. */
export function slotOf(namespaceId: string, workflowId: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i + 1 < namespaceId.length; i += 1) {
    const code = namespaceId.charCodeAt(i);
    if (code === DASH) continue;
    hash = mix(hash, (hexDigit(code) << 4) | hexDigit(namespaceId.charCodeAt(i + 1)));
    i += 1;
  }
  hash = mix(hash, 0);
  for (let i = 0; i < workflowId.length; i += 1) {
    const code = workflowId.charCodeAt(i);
    if (code > 0x7f) return (mixAll(hash, utf8.encode(workflowId.slice(i))) >>> 0) & (SLOTS - 1);
    hash = mix(hash, code);
  }
  return (hash >>> 0) & (SLOTS - 1);
}

function mix(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193);
}

function mixAll(hash: number, bytes: Uint8Array): number {
  return bytes.reduce(mix, hash);
}

function hexDigit(code: number): number {
  const letter = code | 0x20;
  return code <= 57 ? code - 48 : letter - 87;
}
