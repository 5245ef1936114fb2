/** Whatever goes wrong below the frontend, as an error of the catalogue. */
import type { Env } from '../env.ts';
import { PerdureError } from '../errors.ts';
import { StoreError } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';

export { noError, toItemError } from '../core/item-error.ts';

/** What a failed store means to a caller: come again soon. */
const DATABASE_RETRY_MS = 1_000;

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
