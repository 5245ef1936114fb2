// Lengths of time as users write them ('30s', '5 minutes', 1500) and as the protocol carries them. No Node imports: also runs in the sandbox.

import type { Duration as ProtoDuration } from '@perdure/proto/google/protobuf/duration';
import type { Timestamp } from '@perdure/proto/google/protobuf/timestamp';

/**
 * A length of time: a number of milliseconds, or text such as '30s', '5 minutes', '1.5h' or '1h 30m'.
 * Units: ms, s, m, h, d, w and their long names.
 */
export type Duration = number | string;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const UNITS: Record<string, number> = {};
for (const [names, size] of [
  ['ms msec msecs millisecond milliseconds', 1],
  ['s sec secs second seconds', SECOND],
  ['m min mins minute minutes', MINUTE],
  ['h hr hrs hour hours', HOUR],
  ['d day days', DAY],
  ['w week weeks', 7 * DAY],
] as const) {
  for (const name of names.split(' ')) UNITS[name] = size;
}

/** About 100 years: the longest the service takes. */
const MAX_MS = 36_525 * DAY;
const PART = /(\d+(?:\.\d+)?)\s*([a-z]+)/giy;

/** What texts were read as: every run reads the same few again. */
const known = new Map<string, number>();
const MOST_KNOWN = 1_000;

/** Milliseconds, rounded up to whole ones. `field` names the value in errors. Throws TypeError. */
export function toMs(value: Duration, field = 'duration'): number {
  const read = known.get(value as string);
  if (read !== undefined) return read;
  const ms = Math.ceil(typeof value === 'number' ? value : parse(value, field));
  if (!Number.isFinite(ms) || ms < 0) throw new TypeError(`${field}: ${show(value)} is not a length of time (expected 0 ms or more)`);
  if (ms > MAX_MS) throw new TypeError(`${field}: ${show(value)} is longer than 100 years`);
  if (typeof value === 'string' && known.size < MOST_KNOWN) known.set(value, ms);
  return ms;
}

function parse(value: unknown, field: string): number {
  const fail = (why: string): TypeError =>
    new TypeError(`${field}: ${show(value)} is not a length of time (${why}); write for example 1500, '30s', '5 minutes' or '1h 30m'`);
  if (typeof value !== 'string') throw fail('expected a number of milliseconds or text');
  const text = value.trim();
  if (text === '') throw fail('it is empty');
  // A bare number in text is a guess about its unit: refuse it.
  if (/^\d+(\.\d+)?$/.test(text)) throw fail('the unit is missing');
  let total = 0;
  PART.lastIndex = 0;
  for (let at = 0; at < text.length; at = skipBlank(text, PART.lastIndex)) {
    PART.lastIndex = at;
    const part = PART.exec(text);
    if (part === null) throw fail(`cannot read "${text.slice(at)}"`);
    const unit = UNITS[(part[2] as string).toLowerCase()];
    if (unit === undefined) throw fail(`unknown unit "${part[2]}"`);
    total += Number(part[1]) * unit;
  }
  return total;
}

function skipBlank(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ') at += 1;
  return at;
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

/** For the wire. */
export function msToProto(ms: number): ProtoDuration {
  const seconds = Math.floor(ms / SECOND);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * SECOND) * 1e6) };
}

/** A user's value for the wire; undefined stays undefined. Throws TypeError naming `field`. */
export function durationToProto(value: Duration | undefined, field: string): ProtoDuration | undefined {
  return value === undefined ? undefined : msToProto(toMs(value, field));
}

/** From the wire; absent is undefined. */
export function protoToMs(duration: ProtoDuration | undefined): number | undefined {
  return duration === undefined ? undefined : Number(duration.seconds) * SECOND + duration.nanos / 1e6;
}

/** Milliseconds since 1970 for the wire. */
export function msToTimestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / SECOND);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * SECOND) * 1e6) };
}

/** Whole milliseconds since 1970; absent is 0. */
export function timestampToMs(timestamp: Timestamp | undefined): number {
  return timestamp === undefined ? 0 : Number(timestamp.seconds) * SECOND + Math.floor(timestamp.nanos / 1e6);
}
