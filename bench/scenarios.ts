// What can be measured: the workflow that runs, and how many activities each run has.

export const TASK_QUEUE = 'bench';

/** Activities of one run, by scenario; the scenario's name is the workflow's. */
export const SCENARIOS = { empty: 0, one: 1, seq: 10 } as const;
export type Scenario = keyof typeof SCENARIOS;

/** Default concurrency, warm-up and length of a measurement. */
export const DEFAULTS = { concurrency: 100, warmUpMs: 10_000, measureMs: 15_000 } as const;

/** 100 bytes once encoded as JSON. */
export const PAYLOAD: string = 'x'.repeat(98);

/** What the load process is asked to do. */
export interface LoadOrder {
  readonly scenario: Scenario;
  readonly concurrency: number;
  /** Exactly so many runs; else as many as begin within `ms`. */
  readonly count?: number;
  readonly ms: number;
}

/** What it measured. */
export interface LoadResult {
  readonly completed: number;
  /** From the first start to the last result. */
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
}
