/** Conversions between protobuf times and milliseconds. */
import type { Duration } from '@perdure/proto/google/protobuf/duration';
import type { Timestamp } from '@perdure/proto/google/protobuf/timestamp';

/** Ms since 1970 → Timestamp. */
export function toTimestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: (ms - seconds * 1000) * 1_000_000 };
}

/** Timestamp → ms since 1970; 0 when absent. */
export function fromTimestamp(time: Timestamp | undefined): number {
  return time === undefined ? 0 : Number(time.seconds) * 1000 + Math.floor(time.nanos / 1_000_000);
}

/** Ms → Duration; undefined for 0, which means "not limited" everywhere. */
export function toDuration(ms: number): Duration | undefined {
  if (ms === 0) return undefined;
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1_000_000) };
}

/** Duration → ms, rounded up so that nothing is early; 0 when absent. */
export function fromDuration(duration: Duration | undefined): number {
  return duration === undefined ? 0 : Number(duration.seconds) * 1000 + Math.ceil(duration.nanos / 1_000_000);
}
