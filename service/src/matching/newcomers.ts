/** Worker processes that a queue has seen: the first poll of one may bring corrected code, and history is told. */

/** Longer than the longest back-off of a workflow task: one who has been away for less brings nothing new. */
const MEMORY_MS = 900_000;
const MOST = 10_000;

/** Worker ids with the time of their last poll, oldest first. */
export type Newcomers = Map<string, number>;

/** Notes the poll; true when it is the worker's first. */
export function isNewcomer(seen: Newcomers, workerId: string, now: number): boolean {
  const known = seen.delete(workerId);
  seen.set(workerId, now);
  for (const [id, at] of seen) {
    if (now - at < MEMORY_MS && seen.size <= MOST) break;
    seen.delete(id);
  }
  return !known;
}
