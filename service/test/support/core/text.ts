// Events, marks and answers as short text: fields that say nothing are left out, times count from the begin of the script.
import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import { type Failure, RetryState, TimeoutType } from '@perdure/proto/perdure/api/v1/failure';
import { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { type Continuation, ContinuationCause } from '@perdure/proto/perdure/api/v1/workflow';
import type { Mark } from '@perdure/proto/perdure/server/v1/mark';
import { decodeFrame } from '../../../src/core/frames.ts';
import { fromTimestamp } from '../../../src/core/time.ts';
import type { Recorded } from '../../../src/core/transition.ts';
import { BEGIN } from './run.ts';

const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `1500ms`, `10s`, `5m`, `2h`, `1d`, also negative → ms. */
export function durationOf(text: string): number {
  const match = /^(-?\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  if (match === null) throw new Error(`not a duration: ${text}`);
  return Number(match[1]) * (units[match[2] as string] as number);
}

/** Ms → seconds as text. */
export function seconds(ms: number): string {
  return `${ms / 1_000}s`;
}

/** Ms since 1970 → seconds since the begin of the script. */
export function clock(ms: number): string {
  return Number.isFinite(ms) ? `@${seconds(ms - BEGIN)}` : 'never';
}

/** The names of the members of an enum, by number. */
function namesOf(members: Record<string, number>): ReadonlyMap<unknown, string> {
  return new Map(Object.entries(members).map(([name, value]) => [value, name]));
}

const enums: Record<string, ReadonlyMap<unknown, string>> = {
  timeoutType: namesOf(TimeoutType),
  retryState: namesOf(RetryState),
  cause: namesOf(WorkflowTaskFailureCause),
};

const continuations = namesOf(ContinuationCause);

/** Constant in scripts, or asserted nowhere. */
const silent = new Set(['randomSeed', 'firstRunId', 'runId', 'workflowId', 'historyBytes', 'sdkName', 'sdkVersion', 'buildId', 'callSite']);

export function showEvent({ frame }: Recorded): string {
  const event = decodeFrame(frame);
  return `${event.id} ${clock(fromTimestamp(event.time))} ${event.attributes?.$case}${showFields(event.attributes?.value)}`;
}

export function showMark(mark: Mark): string {
  return `${mark.attributes?.$case} after ${mark.afterEventId}${showFields(mark.attributes?.value)}`;
}

export function showFields(value: object | undefined): string {
  return Object.entries(value ?? {})
    .filter(([name]) => !silent.has(name))
    .map(([name, field]) => [name, showField(name, field)])
    .filter(([, text]) => text !== '')
    .map(([name, text]) => ` ${name}=${text}`)
    .join('');
}

function showField(name: string, value: unknown): string {
  const names = enums[name];
  if (names !== undefined) return value === 0 ? '' : (names.get(value) ?? String(value));
  if (value === undefined || value === '' || value === false || value === 0 || value === 0n) return '';
  if (name.endsWith('Ms')) return clock(Number(value));
  if (Array.isArray(value)) return value.map((item) => showField('', item)).join(',');
  if (typeof value === 'object' && value !== null) return showObject(name, value);
  const text = String(value);
  return text.length > 200 ? `(${text.length} characters)` : text;
}

function showObject(name: string, value: object): string {
  if ('nanos' in value && 'seconds' in value) {
    const { seconds: whole, nanos } = value as { seconds: bigint; nanos: number };
    const ms = Number(whole) * 1_000 + nanos / 1_000_000;
    return name.endsWith('Time') || name.endsWith('Deadline') ? clock(ms) : seconds(ms);
  }
  if ('data' in value) return showPayload(value as Payload);
  if (name === 'continuation') return showContinuation(value as Continuation);
  if ('stackTrace' in value) return showFailure(value as Failure);
  if ('value' in value && value.value === undefined) return '(removed)';
  if ('$case' in value) return showField(name, (value as { value?: unknown }).value);
  const fields = showFields(value).trim();
  return fields === '' ? '' : `{${fields}}`;
}

function showContinuation({ cause, ...rest }: Continuation): string {
  return `{${[continuations.get(cause), showFields(rest).trim()].join(' ').trim()}}`;
}

export function showPayload({ encoding, data }: Payload): string {
  if (encoding === 'binary/null') return '(removed)';
  return data.length > 100 ? `(${data.length} bytes)` : Buffer.from(data).toString();
}

export function showFailure(failure: Failure): string {
  const { info, message, cause } = failure;
  const text = message.length > 100 ? `(${message.length} characters)` : message;
  const kind = info === undefined ? '' : info.$case === 'application' ? info.value.type : `${info.$case}${showFields(info.value)}`;
  const chain = cause === undefined ? '' : ` < ${showFailure(cause)}`;
  return `[${kind === '' ? text : `${kind}: ${text}`}${chain}]`;
}
