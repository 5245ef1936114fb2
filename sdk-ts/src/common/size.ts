/** Sizes of messages before they are encoded. */

/** From here on the bytes of a text are counted; shorter ones are taken as if every character needed most. */
const SHORT_TEXT = 64;

/** About how many bytes a message takes on the wire, rather too many than too few: payloads and texts as they are, a little for all else. */
export function roughBytes(value: unknown): number {
  if (typeof value === 'string') return (value.length < SHORT_TEXT ? value.length * 3 : Buffer.byteLength(value)) + 8;
  if (typeof value !== 'object' || value === null) return 8;
  if (ArrayBuffer.isView(value)) return value.byteLength + 8;
  let bytes = 4;
  if (Array.isArray(value)) {
    for (const item of value) bytes += roughBytes(item);
    return bytes;
  }
  // Keys of maps travel too; those of fields do not, but they are short.
  for (const key in value) bytes += key.length + roughBytes((value as Record<string, unknown>)[key]);
  return bytes;
}
