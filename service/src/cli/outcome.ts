/** How commands end: exit codes, and errors for people. */

/** Exit codes; documented in the help text. */
export const EXIT = {
  ok: 0,
  /** The command failed, or the workflow whose result was asked for did not complete. */
  failed: 1,
  /** Wrong flags or arguments; nothing was done. */
  usage: 2,
} as const;

/** Wrong use of the command line; the message names the flag. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A failure that is told to people as it is, without a stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
