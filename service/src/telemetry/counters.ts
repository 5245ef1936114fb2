/**
 * Counts since the process started, for benchmarks and tests. Plain numbers: the hot path only adds.
 * `perdure server` prints them as one JSON line on SIGUSR2: {"counters":{…}}.
 */
export const counters: { commits: number; records: number; rpcs: number } & Record<string, number> = {
  /** Commit statements that succeeded. */
  commits: 0,
  /** Records those statements carried. */
  records: 0,
  /** RPCs received, health checks and reflection aside. */
  rpcs: 0,
};
