/** The descriptor set that reflection serves: proto/image.binpb, written by `buf build` and shipped with @perdure/proto. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The encoded FileDescriptorProtos of the public API and everything it imports. Throws when the package is incomplete. */
export function readFileDescriptors(): Buffer[] {
  const event = createRequire(import.meta.url).resolve('@perdure/proto/perdure/api/v1/event');
  return splitDescriptorSet(readFileSync(join(event, '../../../../../image.binpb')));
}

/** Cuts an encoded FileDescriptorSet (field 1, length-delimited, repeated) into its files. */
export function splitDescriptorSet(set: Buffer): Buffer[] {
  const files: Buffer[] = [];
  let position = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = set[position++];
      if (byte === undefined) throw new Error('the descriptor set is cut off');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (position < set.length) {
    const tag = varint();
    if (tag !== 0x0a) throw new Error(`the descriptor set holds an unexpected field (tag ${tag})`);
    const length = varint();
    if (position + length > set.length) throw new Error('the descriptor set is cut off');
    files.push(set.subarray(position, position + length));
    position += length;
  }
  return files;
}
