/**
 * A frame is one event as it stands in an encoded History: tag, length, HistoryEvent. Frames are what rows, pages and
 * tasks are cut from and joined to without decoding, so stored bytes are handed on as they are, unknown fields included.
 */
import { History, type HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { encode } from './encode.ts';

/** Encodes one event as a frame. */
export function encodeFrame(event: HistoryEvent): Uint8Array {
  return encode(History, { events: [event] });
}

/** Cuts an encoded History into its frames. Throws on anything else. */
export function splitFrames(history: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  let at = 0;
  while (at < history.length) {
    const start = at;
    if (history[at] !== 0x0a) throw new Error(`not an encoded History: tag ${history[at]} at byte ${at}`);
    at += 1;
    let length = 0;
    let shift = 0;
    for (;;) {
      const byte = history[at];
      if (byte === undefined || shift > 28) throw new Error(`not an encoded History: bad length at byte ${at}`);
      at += 1;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
      shift += 7;
    }
    at += length;
    if (at > history.length) throw new Error('not an encoded History: cut off');
    frames.push(history.subarray(start, at));
  }
  return frames;
}

/** Joins frames to one encoded History. */
export function joinFrames(frames: readonly Uint8Array[]): Uint8Array {
  if (frames.length === 1) return frames[0] as Uint8Array;
  return Buffer.concat(frames);
}

/** Decodes one frame. */
export function decodeFrame(frame: Uint8Array): HistoryEvent {
  const event = History.decode(frame).events[0];
  if (event === undefined) throw new Error('empty frame');
  return event;
}
