/** What a failed statement means: one table, since a wrong answer here loses or doubles work. */
import { type FailureKind, StoreError } from '../store.ts';

/** How far a statement had come. `read`: it changes nothing, so it cannot be half done. */
export type Phase = 'connect' | 'read' | 'write';

/** SQLSTATEs that differ from their class, and classes (two characters). */
const KINDS: Readonly<Record<string, FailureKind>> = {
  // Rolled back by the server, as it says.
  '40': 'abort',
  '40003': 'ambiguous',
  '55P03': 'abort',
  '25P02': 'abort',
  '57014': 'abort',
  // The plan of a prepared statement is void after a migration: prepare again.
  '0A000': 'abort',
  '26000': 'abort',
  // One of the values is bad.
  '22': 'poison',
  '23': 'poison',
  '42': 'poison',
  '54': 'poison',
  // Permissions can be given.
  '42501': 'down',
  // Connection lost, or the server ends while the statement runs.
  '08': 'ambiguous',
  '57P01': 'ambiguous',
  '57P02': 'ambiguous',
  '57P04': 'ambiguous',
  '57P05': 'ambiguous',
  XX: 'ambiguous',
};

function textOf(error: unknown, field: 'code' | 'message' | 'severity'): string {
  const value = (error as Record<string, unknown> | null | undefined)?.[field];
  return typeof value === 'string' ? value : '';
}

function kindOf(error: unknown, phase: Phase): FailureKind {
  if (phase === 'connect') return 'down';
  const code = textOf(error, 'code');
  // Only the server's own answers have a severity; without one the answer is missing.
  const kind = textOf(error, 'severity') === '' ? 'ambiguous' : (KINDS[code] ?? KINDS[code.slice(0, 2)] ?? 'down');
  return kind === 'ambiguous' && phase === 'read' ? 'down' : kind;
}

/** Turns whatever the driver threw into a StoreError. Pure. */
export function classify(error: unknown, phase: Phase): StoreError {
  if (error instanceof StoreError) return error;
  return new StoreError(kindOf(error, phase), textOf(error, 'message') || String(error), textOf(error, 'code'), error);
}

/** True when the connection cannot be used again: no answer, or an answer that ended it, or its prepared statements are void. */
export function losesConnection(error: unknown): boolean {
  const code = textOf(error, 'code');
  const severity = textOf(error, 'severity');
  return severity === '' || severity === 'FATAL' || severity === 'PANIC' || code === '0A000' || code === '26000' || code === '25P02';
}
