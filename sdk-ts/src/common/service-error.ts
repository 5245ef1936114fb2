/** What the service answers when it refuses: one error class, and which refusals pass by themselves. */
import type { ItemError } from '@perdure/proto/perdure/api/v1/common';
import { protoToMs } from './duration.ts';

/** google.rpc.Code by name, as far as the SDK decides by them. */
export const Code = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  RESOURCE_EXHAUSTED: 8,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

/** What a refusal carries. Errors of a frontend that is called directly have the same fields. */
export interface Refusal {
  readonly message: string;
  /** A google.rpc.Code. */
  readonly code: number;
  /** One of the reasons of docs/errors.md; empty when the transport failed before the service could say one. */
  readonly reason: string;
  /** Facts for programs: field, size, limit, run_id … */
  readonly metadata: Readonly<Record<string, string>>;
  /** Ms before which trying again is useless, if the service said so. */
  readonly retryAfterMs?: number | undefined;
}

/** The service refused a request, or could not be reached. Decide by `reason`, or by `code` when `reason` is empty. */
export class ServiceError extends Error implements Refusal {
  override readonly name: string = 'ServiceError';
  readonly code: number;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;

  constructor(refusal: Refusal, options?: ErrorOptions) {
    super(refusal.message, options);
    this.code = refusal.code;
    this.reason = refusal.reason;
    this.metadata = refusal.metadata;
    this.retryAfterMs = refusal.retryAfterMs;
  }
}

/** Reads the refusal out of whatever a call was rejected with; undefined if it is something else (a defect, an abort). */
export function refusalOf(error: unknown): Refusal | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, reason, message, metadata, retryAfterMs } = error as Partial<Refusal>;
  if (typeof code !== 'number' || typeof reason !== 'string') return undefined;
  return { code, reason, message: message ?? reason, metadata: metadata ?? {}, retryAfterMs };
}

/** The refusal of one item of a batch. */
export function itemRefusal(item: ItemError): Refusal {
  const { code, reason, message, metadata, retryAfter } = item;
  return { code, reason, message, metadata, retryAfterMs: protoToMs(retryAfter) };
}

/**
 * Whether the same request may succeed later by itself. Without a reason the refusal comes from the transport, and the request may or
 * may not have been taken; all requests of the SDK can be repeated safely.
 */
export function isTransient(refusal: Refusal): boolean {
  switch (refusal.code) {
    case Code.UNAVAILABLE:
      return true;
    case Code.RESOURCE_EXHAUSTED:
      return refusal.reason === 'OVERLOADED';
    case Code.DEADLINE_EXCEEDED:
    case Code.CANCELLED:
    case Code.INTERNAL:
      return refusal.reason === '';
    default:
      return false;
  }
}
