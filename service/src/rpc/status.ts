/** PerdureError → gRPC status with google.rpc.Status details, and back. */

import type { Any } from '@perdure/proto/google/protobuf/any';
import { BadRequest, ErrorInfo, ResourceInfo, RetryInfo } from '@perdure/proto/google/rpc/error_details';
import { Status } from '@perdure/proto/google/rpc/status';
import { PerdureError } from '../errors.ts';

/** Domain of every ErrorInfo of this service. */
export const ERROR_DOMAIN = 'perdure';
/** Header that carries the encoded google.rpc.Status. */
export const DETAILS_HEADER = 'grpc-status-details-bin';
/** Status text travels in HTTP/2 headers, percent-encoded and again in the details; some peers take no more than 8 KiB of headers. */
const MAX_MESSAGE_BYTES = 1_000;
const MAX_METADATA_BYTES = 250;

/** A status as it leaves. */
export interface RpcStatus {
  readonly code: number;
  readonly message: string;
  /** Encoded google.rpc.Status. */
  readonly details: Uint8Array;
}

/** Kind of thing a not-found reason is about, for ResourceInfo. */
const RESOURCE_OF_REASON: Readonly<Record<string, readonly [type: string, metadataKey: string]>> = {
  WORKFLOW_NOT_FOUND: ['perdure.api.v1/Workflow', 'workflow_id'],
  WORKFLOW_CLOSED: ['perdure.api.v1/Workflow', 'workflow_id'],
  WORKFLOW_ALREADY_STARTED: ['perdure.api.v1/Workflow', 'workflow_id'],
  ACTIVITY_NOT_FOUND: ['perdure.api.v1/Activity', 'activity_id'],
  NAMESPACE_NOT_FOUND: ['perdure.api.v1/Namespace', 'namespace'],
  NAMESPACE_EXISTS: ['perdure.api.v1/Namespace', 'namespace'],
};
const BAD_REQUEST_REASONS = new Set(['BAD_FIELD', 'TOO_LARGE']);

/** The status of an error of the catalogue. */
export function statusOf(error: PerdureError): RpcStatus {
  const message = cut(error.message, MAX_MESSAGE_BYTES);
  const metadata = Object.fromEntries(Object.entries(error.metadata).map(([key, value]) => [key, cut(value, MAX_METADATA_BYTES)]));
  const details: Any[] = [any('ErrorInfo', ErrorInfo.encode({ reason: error.reason, domain: ERROR_DOMAIN, metadata }).finish())];
  if (error.retryAfterMs !== undefined)
    details.push(any('RetryInfo', RetryInfo.encode({ retryDelay: duration(error.retryAfterMs) }).finish()));
  if (BAD_REQUEST_REASONS.has(error.reason))
    details.push(
      any('BadRequest', BadRequest.encode({ fieldViolations: [{ field: metadata.field ?? '', description: message }] }).finish()),
    );
  const resource = RESOURCE_OF_REASON[error.reason];
  if (resource !== undefined)
    details.push(
      any(
        'ResourceInfo',
        ResourceInfo.encode({
          resourceType: resource[0],
          resourceName: metadata[resource[1]] ?? '',
          owner: '',
          description: message,
        }).finish(),
      ),
    );
  return { code: error.code, message, details: Status.encode({ code: error.code, message, details }).finish() };
}

/** Rebuilds what `statusOf` wrote; undefined when the details are not of this service. */
export function readStatus(
  details: Uint8Array,
): { reason: string; message: string; metadata: Record<string, string>; retryAfterMs: number | undefined } | undefined {
  const status = Status.decode(details);
  const find = (name: string): Uint8Array | undefined => status.details.find((detail) => detail.typeUrl === typeUrl(name))?.value;
  const encodedInfo = find('ErrorInfo');
  if (encodedInfo === undefined) return undefined;
  const info = ErrorInfo.decode(encodedInfo);
  if (info.domain !== ERROR_DOMAIN) return undefined;
  const encodedRetry = find('RetryInfo');
  const delay = encodedRetry === undefined ? undefined : RetryInfo.decode(encodedRetry).retryDelay;
  return {
    reason: info.reason,
    message: status.message,
    metadata: info.metadata,
    retryAfterMs: delay === undefined ? undefined : Number(delay.seconds) * 1_000 + delay.nanos / 1e6,
  };
}

/** What a caller may see of an unexpected error: an id to report, nothing else. */
export function internalError(id: string): PerdureError {
  return new PerdureError('INTERNAL', `internal error ${id}`, { id });
}

/** Anything thrown, as an error of the catalogue; `report` gets what is not meant for the caller. */
export function toPerdureError(thrown: unknown, newId: () => string, report: (id: string, thrown: unknown) => void): PerdureError {
  if (thrown instanceof PerdureError) return thrown;
  const id = newId();
  report(id, thrown);
  return internalError(id);
}

function any(name: string, value: Uint8Array): Any {
  return { typeUrl: typeUrl(name), value };
}

function typeUrl(name: string): string {
  return `type.googleapis.com/google.rpc.${name}`;
}

function duration(ms: number): { seconds: bigint; nanos: number } {
  const whole = Math.max(0, Math.ceil(ms));
  return { seconds: BigInt(Math.floor(whole / 1_000)), nanos: (whole % 1_000) * 1e6 };
}

/** At most `limit` bytes of UTF-8. Well-formed in any case: gRPC cannot send anything else. */
function cut(text: string, limit: number): string {
  const whole = text.toWellFormed();
  if (whole.length <= limit / 3 || Buffer.byteLength(whole) <= limit) return whole;
  const bytes = Buffer.from(whole).subarray(0, limit - 3);
  // A character cut in two decodes as U+FFFD.
  return `${bytes.toString('utf8').replace(/\ufffd$/, '')}…`;
}
