/** A pending timer; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

/**
 * Everything a role may know about the world outside its inputs. Passed to every role, so that the same code runs
 * on real time and in simulation.
 */
export interface Env {
  /** Wall clock in ms since 1970, whole numbers. */
  now(): number;
  /** Ms since some fixed moment, never backwards. */
  monotonic(): number;
  /** Calls `run` once after `ms` (any length; 0 means as soon as possible, after what is queued now). */
  setTimer(ms: number, run: () => void): Timer;
  /** Uniform in [0, 1). */
  random(): number;
  /** A fresh UUIDv7 in lower case. */
  newId(): string;
}
