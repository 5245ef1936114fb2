/** Errors as items of a batch carry them. */
import type { ItemError } from '@perdure/proto/perdure/api/v1/common';
import { toDuration } from '../core/time.ts';
import type { Env } from '../env.ts';
import { PerdureError } from '../errors.ts';
import { StoreError } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';

/** What a failed store means to a caller: come again soon. */
const DATABASE_RETRY_MS = 1_000;

/** Tells that the item was taken: code 0. */
export function noError(): ItemError {
  return { code: 0, reason: '', message: '', metadata: {}, retryAfter: undefined };
}

/** An error of the catalogue as an item's error. Anything else is INTERNAL; call `toPerdureError` first to keep its trace. */
export function toItemError(error: unknown): ItemError {
  const known = error instanceof PerdureError ? error : new PerdureError('INTERNAL', 'internal error');
  return {
    code: known.code,
    reason: known.reason,
    message: known.message,
    metadata: known.metadata,
    retryAfter: known.retryAfterMs === undefined ? undefined : toDuration(known.retryAfterMs),
  };
}

/** Brings any error into the catalogue. A defect is logged under an id that its message names. */
export function toPerdureError(error: unknown, surroundings: { readonly env: Env; readonly log: Log | undefined }): PerdureError {
  if (error instanceof PerdureError) return error;
  if (error instanceof StoreError) {
    // A poisoned read is a filter or id the database cannot take, that is a defect of the checks before it.
    if (error.kind !== 'poison') return new PerdureError('DATABASE_UNAVAILABLE', 'the database cannot be reached', {}, DATABASE_RETRY_MS);
  }
  const id = surroundings.env.newId();
  surroundings.log?.('error', 'internal error', { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  return new PerdureError('INTERNAL', `internal error ${id}`, { id });
}
