/** The unit of ownership: slot = FNV-1a 32 of (namespace UUID bytes, 0x00, workflow id UTF-8) mod 4096. Never changes. */

/** Number of slots; a constant of the format, not a setting. */
export const SLOTS = 4096;

const utf8 = new TextEncoder();

/** Slot of a workflow id. `namespaceId` is a UUID in text form. */
export function slotOf(namespaceId: string, workflowId: string): number {
  let hash = 0x811c9dc5;
  const mix = (byte: number): void => {
    hash = Math.imul(hash ^ byte, 0x01000193);
  };
  for (let i = 0; i + 1 < namespaceId.length; i += 1) {
    if (namespaceId[i] === '-') continue;
    mix(Number.parseInt(namespaceId.slice(i, i + 2), 16));
    i += 1;
  }
  mix(0);
  for (const byte of utf8.encode(workflowId)) mix(byte);
  return (hash >>> 0) & (SLOTS - 1);
}
