/** Protocol messages as plain JSON with stable keys: payloads decoded, times RFC 3339, durations "30s", enums by name. */
import { PendingActivityState } from '@perdure/proto/perdure/api/v1/activity';
import type { Payload, SearchAttributeValue } from '@perdure/proto/perdure/api/v1/common';
import { RetryState, TimeoutType } from '@perdure/proto/perdure/api/v1/failure';
import { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Enum of a field by the field's name. */
const ENUMS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  status: WorkflowStatus,
  state: PendingActivityState,
  retryState: RetryState,
  timeoutType: TimeoutType,
  cause: WorkflowTaskFailureCause,
  taskFailureCause: WorkflowTaskFailureCause,
};

/** Any message (or part of one). A oneof appears as one key, named by its case; what is not set is null. */
export function toPlain(value: unknown, field = ''): Json {
  if (value === undefined || value === null) return null;
  if (typeof value === 'bigint') return wholeNumber(value);
  if (typeof value === 'number') return ENUMS[field] === undefined ? value : enumName(ENUMS[field], value);
  if (typeof value === 'boolean' || typeof value === 'string') return value;
  if (value instanceof Uint8Array) return base64(value);
  if (Array.isArray(value)) return value.map((item) => toPlain(item, field));
  if (isPayload(value)) return payloadToPlain(value);
  if (isSecondsAndNanos(value)) return isTimeField(field) ? timeText(value) : durationText(value);
  return objectToPlain(value as Record<string, unknown>);
}

function objectToPlain(message: Record<string, unknown>): Json {
  const plain: { [key: string]: Json } = {};
  for (const [key, value] of Object.entries(message)) {
    const choice = value as { $case?: string; value?: unknown } | undefined;
    if (key === 'searchAttributes') plain[key] = searchAttributesToPlain(value as Record<string, SearchAttributeValue>);
    else if (choice?.$case === undefined) plain[key] = toPlain(value, key);
    else plain[choice.$case] = toPlain(choice.value, choice.$case);
  }
  return plain;
}

/** Values as they were given; their types can be seen from them. */
export function searchAttributesToPlain(attributes: Readonly<Record<string, SearchAttributeValue>>): Json {
  const plain = ({ value }: SearchAttributeValue): Json => toPlain(value?.$case === 'keywordList' ? value.value.values : value?.value);
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, plain(value)]));
}

/** What the JSON converter wrote, as it was; other encodings as { encoding, data (base64), metadata }. */
export function payloadToPlain(payload: Payload): Json {
  if (payload.encoding === 'binary/null') return null;
  if (payload.encoding === 'json/plain') {
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload.data)) as Json;
    } catch {
      // Shown as bytes below: broken data is to be seen, not hidden.
    }
  }
  const metadata = Object.fromEntries(Object.entries(payload.metadata).map(([key, bytes]) => [key, base64(bytes)]));
  return { encoding: payload.encoding, data: base64(payload.data), metadata };
}

/** RFC 3339 in UTC with ms, or null. */
export function timeText(time: { seconds: bigint; nanos: number } | undefined): string | null {
  if (time === undefined) return null;
  const date = new Date(Number(time.seconds) * 1_000 + Math.floor(time.nanos / 1e6));
  return Number.isNaN(date.getTime()) ? `${time.seconds}.${String(time.nanos).padStart(9, '0')}` : date.toISOString();
}

/** For example "30s" or "0.25s", as in ProtoJSON; null for none. */
export function durationText(duration: { seconds: bigint; nanos: number } | undefined): string | null {
  if (duration === undefined) return null;
  const fraction = duration.nanos === 0 ? '' : `.${String(Math.abs(duration.nanos)).padStart(9, '0').replace(/0+$/, '')}`;
  return `${duration.seconds}${fraction}s`;
}

/** "Running", "TimedOut" … */
export function statusText(status: WorkflowStatus): string {
  return enumName(WorkflowStatus, status);
}

function enumName(names: Readonly<Record<string, number>>, value: number): string {
  const name = Object.keys(names).find((key) => names[key] === value) ?? String(value);
  return name
    .split('_')
    .map((word) => word.charAt(0) + word.slice(1).toLowerCase())
    .join('');
}

function wholeNumber(value: bigint): number | string {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
}

function isPayload(value: object): value is Payload {
  const payload = value as Partial<Payload>;
  return typeof payload.encoding === 'string' && payload.data instanceof Uint8Array;
}

function isSecondsAndNanos(value: object): value is { seconds: bigint; nanos: number } {
  return typeof (value as { seconds?: unknown }).seconds === 'bigint' && typeof (value as { nanos?: unknown }).nanos === 'number';
}

function isTimeField(field: string): boolean {
  return field === 'time' || field === 'since' || field.endsWith('Time');
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
