/** Errors of the catalogue as items of a batch carry them. */
import type { ItemError } from '@perdure/proto/perdure/api/v1/common';
import { PerdureError } from '../errors.ts';
import { toDuration } from './time.ts';

/** Tells that the item was taken: code 0. */
export function noError(): ItemError {
  return { code: 0, reason: '', message: '', metadata: {}, retryAfter: undefined };
}

/** An error as an item's error. What is not of the catalogue is INTERNAL, without its message. */
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
