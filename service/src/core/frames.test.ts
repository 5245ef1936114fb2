// Frames: cut and joined without decoding, so that stored bytes are handed on as they are.
import { History, type HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { describe, expect, test } from 'vitest';
import { decodeFrame, encodeFrame, joinFrames, splitFrames } from './frames.ts';

function fired(id: number, number = id): HistoryEvent {
  return { id: BigInt(id), time: { seconds: 5n, nanos: 0 }, attributes: { $case: 'timerFired', value: { number, startedEventId: 1n } } };
}

function signaled(id: number, size: number): HistoryEvent {
  const value = { signalName: 'x'.repeat(size), input: [], header: undefined, identity: '', requestId: '' };
  return { id: BigInt(id), time: undefined, attributes: { $case: 'workflowSignaled', value } };
}

test('joined frames are an encoded History, and it splits into the same frames', () => {
  const events = [fired(1), signaled(2, 127), signaled(3, 128), signaled(4, 20_000), signaled(5, 3_000_000), fired(6)];
  const frames = events.map(encodeFrame);
  const history = joinFrames(frames);
  expect(Buffer.from(history).equals(History.encode({ events }).finish())).toBe(true);
  expect(splitFrames(history).map((frame) => frame.length)).toEqual(frames.map((frame) => frame.length));
  expect(splitFrames(history).map((frame) => decodeFrame(frame).id)).toEqual([1n, 2n, 3n, 4n, 5n, 6n]);
  expect(decodeFrame(encodeFrame(fired(7)))).toEqual(fired(7));
});

test('no frames are an empty History', () => {
  expect(joinFrames([]).length).toBe(0);
  expect(splitFrames(new Uint8Array(0))).toEqual([]);
});

test('fields that this version does not know are kept, byte by byte', () => {
  // Field 5000 of the event, 4 bytes long.
  const unknown = Buffer.from([0xc2, 0xb8, 0x02, 0x04, 1, 2, 3, 4]);
  const inner = Buffer.concat([Buffer.from(encodeFrame(fired(1))).subarray(2), unknown]);
  const frame = Buffer.concat([Buffer.of(0x0a, inner.length), inner]);
  const history = joinFrames([encodeFrame(signaled(1, 5)), frame]);
  expect(Buffer.from(splitFrames(history)[1] as Uint8Array).equals(frame)).toBe(true);
  expect(decodeFrame(frame).attributes).toEqual(fired(1).attributes);
});

describe('what is not an encoded History is refused', () => {
  const history = joinFrames([encodeFrame(fired(1)), encodeFrame(signaled(2, 300))]);
  const first = encodeFrame(fired(1)).length;

  test('cut off anywhere but between frames', () => {
    for (let length = 1; length < history.length; length += 1) {
      if (length === first) expect(splitFrames(history.subarray(0, length))).toHaveLength(1);
      else expect(() => splitFrames(history.subarray(0, length))).toThrow('not an encoded History');
    }
  });

  test.each([
    ['another tag', [0x12, 0x00], 'tag 18 at byte 0'],
    ['garbage behind a frame', [0x0a, 0x00, 0xff], 'tag 255 at byte 2'],
    ['a length that never ends', [0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80], 'bad length at byte 6'],
    ['a length without bytes', [0x0a, 0x05], 'cut off'],
  ])('%s', (_name, bytes, problem) => {
    expect(() => splitFrames(Uint8Array.from(bytes))).toThrow(problem);
  });

  test('an empty frame holds no event', () => {
    expect(() => decodeFrame(new Uint8Array(0))).toThrow('empty frame');
  });
});
