/** Checks of single fields. Each refusal names the field, what came and what is allowed. */
import type { Duration } from '@perdure/proto/google/protobuf/duration';
import type { WorkerInfo, WorkflowExecution } from '@perdure/proto/perdure/api/v1/common';
import {
  MAX_BATCH_BYTES,
  MAX_BATCH_ITEMS,
  MAX_DURATION_MS,
  MAX_EVENT_PAYLOAD_BYTES,
  MAX_ID_BYTES,
  MAX_LONG_POLL_MS,
  MAX_TEXT_BYTES,
} from '../core/limits.ts';
import { fromDuration } from '../core/time.ts';
import type { Env } from '../env.ts';
import { badField, tooLarge } from '../errors.ts';
import type { NamespaceRow } from '../store/store.ts';
import { checkText, weigh } from './text.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** An id or name: not empty, at most 1 000 bytes. */
export function requireId(field: string, value: string): string {
  if (value === '') throw badField(field, 'is required');
  return boundText(field, value, MAX_ID_BYTES);
}

/** Text for people: at most 4 KiB unless told. */
export function boundText(field: string, value: string, limit: number = MAX_TEXT_BYTES): string {
  // No UTF-16 unit takes more than three bytes.
  if (value.length * 3 <= limit) return value;
  const size = Buffer.byteLength(value);
  if (size > limit) throw tooLarge(field, size, limit);
  return value;
}

/** True for the text form of a UUID in lower case. */
export function isUuid(value: string): boolean {
  return UUID.test(value);
}

/** A UUIDv7 in lower case; a new one when empty. */
export function requestIdOf(env: Env, value: string): string {
  if (value === '') return env.newId();
  const id = value.toLowerCase();
  if (!UUID_V7.test(id)) throw badField('request_id', `${quote(value)} is not a UUIDv7`);
  return id;
}

/** Names a run: a workflow id, and a run id or none. */
export function requireExecution(execution: WorkflowExecution | undefined, field = 'execution'): { workflowId: string; runId: string } {
  if (execution === undefined) throw badField(`${field}.workflow_id`, 'is required');
  const runId = execution.runId.toLowerCase();
  if (runId !== '' && !isUuid(runId)) throw badField(`${field}.run_id`, `${quote(execution.runId)} is not a UUID`);
  return { workflowId: requireId(`${field}.workflow_id`, execution.workflowId), runId };
}

/** A worker that says who it is. */
export function requireWorker(worker: WorkerInfo | undefined): WorkerInfo {
  if (worker === undefined) throw badField('worker.worker_id', 'is required');
  requireId('worker.worker_id', worker.workerId);
  boundText('worker.identity', worker.identity);
  boundText('worker.build_id', worker.buildId, MAX_ID_BYTES);
  boundText('worker.sdk_name', worker.sdkName, MAX_ID_BYTES);
  boundText('worker.sdk_version', worker.sdkVersion, MAX_ID_BYTES);
  return worker;
}

/** Ms, rounded up; 0 when absent. */
export function durationMs(field: string, duration: Duration | undefined, limitMs: number = MAX_DURATION_MS): number {
  if (duration === undefined) return 0;
  const { seconds, nanos } = duration;
  const ms = fromDuration(duration);
  if (seconds >= 0n && nanos >= 0 && nanos < 1_000_000_000 && ms <= limitMs && Number.isInteger(nanos)) return ms;
  if (!Number.isInteger(nanos) || nanos <= -1_000_000_000 || nanos >= 1_000_000_000) {
    throw badField(field, `is malformed: ${nanos} nanos are not within one second`);
  }
  if (seconds < 0n || nanos < 0) throw badField(field, `is negative (${seconds} s, ${nanos} ns)`);
  throw badField(field, `${seconds} s, the limit is ${limitMs / 1_000} s`, { size: `${seconds} s`, limit: `${limitMs / 1_000} s` });
}

/** Ms of a long poll: default and maximum 60 s; longer waits are cut, since an empty answer is always allowed. */
export function waitMsOf(duration: Duration | undefined): number {
  if (duration === undefined) return MAX_LONG_POLL_MS;
  return Math.min(durationMs('wait_timeout', duration), MAX_LONG_POLL_MS);
}

/** A count within 0 and a limit; `ifZero` when 0. */
export function countOf(field: string, value: number, ifZero: number, limit: number): number {
  if (!Number.isInteger(value) || value < 0 || value > limit) throw badField(field, `${value} is not within 0 and ${limit}`);
  return value === 0 ? ifZero : value;
}

/** The number of an enum value that this service knows; `ifZero` when unspecified. */
export function enumOf<T extends number>(field: string, value: number, known: Readonly<Record<string, number>>, ifZero: T): T {
  if (value === 0) return ifZero;
  if (!Object.values(known).includes(value) || value < 0) throw badField(field, `${value} is no value this service knows`);
  return value as T;
}

/** Bytes of all payloads of one event in this namespace. */
export function eventLimitOf({ config }: NamespaceRow): number {
  return config.eventPayloadBytes === 0 ? MAX_EVENT_PAYLOAD_BYTES : config.eventPayloadBytes;
}

/** Parts that end up in one event: 2 MiB together unless told. Names the largest. `bytes` is what the whole request weighs. */
export function limitEvent(bytes: number, parts: Readonly<Record<string, unknown>>, limit: number = MAX_EVENT_PAYLOAD_BYTES): void {
  if (bytes <= limit) return;
  let total = 0;
  let largest = { field: '', bytes: -1 };
  for (const [field, part] of Object.entries(parts)) {
    const size = weigh({ [field]: part });
    total += size;
    if (size > largest.bytes) largest = { field, bytes: size };
  }
  if (total > limit) throw tooLarge(largest.field, total, limit);
}

/** A part of an item that may be as large as an event. `bytes` is what the whole item weighs. */
export function limitPart(field: string, part: unknown, bytes: number, limit: number = MAX_EVENT_PAYLOAD_BYTES): void {
  if (bytes <= limit) return;
  const size = weigh(part);
  if (size > limit) throw tooLarge(field, size, limit);
}

type ItemOf<List> = List extends readonly (infer T)[] ? T : never;

/** An item of a batch and what it weighs: NaN when it holds text that cannot be stored. */
export interface Weighed<T> {
  readonly item: T;
  readonly bytes: number;
}

/**
 * Opens a batch: at most 1 000 items, and 3 MiB together unless it is a single one, which has limits of its own. Checks
 * the text beside the items; bad text in an item is that item's trouble, see `checkItemText`.
 */
export function openBatch<R extends object, K extends keyof R & string>(request: R, key: K): Weighed<ItemOf<R[K]>>[] {
  const items = request[key] as readonly ItemOf<R[K]>[];
  checkText({ ...request, [key]: undefined });
  if (items.length > MAX_BATCH_ITEMS) throw tooLarge(key, items.length, MAX_BATCH_ITEMS, 'items');
  let total = 0;
  const weighed = items.map((item) => {
    const bytes = weigh(item);
    if (!Number.isNaN(bytes)) total += bytes;
    return { item, bytes };
  });
  if (items.length > 1 && total > MAX_BATCH_BYTES) throw tooLarge(key, total, MAX_BATCH_BYTES);
  return weighed;
}

/** Throws BAD_FIELD when the item holds text that cannot be stored. */
export function checkItemText({ item, bytes }: Weighed<unknown>): void {
  if (Number.isNaN(bytes)) checkText(item);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
