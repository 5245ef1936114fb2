/** The refusal of what exceeds a limit of a run: field, size and limit, in the message for people and beside it for programs. */
import { PerdureError } from '../errors.ts';

/** For example `history: 51200 events, the limit is 51200; end the run`. */
export function overLimit(
  reason: 'LIMIT_REACHED' | 'BAD_COMMAND',
  field: string,
  { size, limit, what, advice = '' }: { readonly size: number; readonly limit: number; readonly what: string; readonly advice?: string },
): PerdureError {
  const metadata = { field, size: String(size), limit: String(limit) };
  return new PerdureError(reason, `${field}: ${size} ${what}, the limit is ${limit}${advice}`, metadata);
}
