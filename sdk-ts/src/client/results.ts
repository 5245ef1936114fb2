/** Waits for the ends of runs: a few shared long polls for all handles of a client. */
import type { WorkflowExecution } from '@perdure/proto/perdure/api/v1/common';
import type { WorkflowResult } from '@perdure/proto/perdure/api/v1/workflow_service';
import { pause } from '../common/clock.ts';
import { durationToProto } from '../common/duration.ts';
import { backoff, withRetry } from '../common/retry.ts';
import { isTransient, itemRefusal, ServiceError } from '../common/service-error.ts';
import type { Wire } from './wire.ts';

const IN_FLIGHT = 4;
const WAIT = durationToProto('60s', 'wait');
/** Longer than the service waits, so that an empty answer is not an error. */
const DEADLINE_MS = 70_000;
/** The service's limit. */
const MAX_RUNS = 10_000;
/**
 * Ms between two calls per run awaited, and at most. A call names every run it waits for, so calls for many runs are made less often:
 * each then brings several results. With few runs awaited there is no delay.
 */
const PACE_PER_RUN_MS = 0.05;
const MAX_PACE_MS = 20;
const FREE_OF_PACE = 20;

/** A run as named by those who wait for it. */
interface Awaited {
  readonly key: string;
  readonly execution: WorkflowExecution;
  readonly waiters: { readonly resolve: (result: WorkflowResult) => void; readonly reject: (error: unknown) => void }[];
  failures: number;
  /** Waits before it is asked for again. */
  resting: boolean;
}

/** Resolves with the closing event of a run. Rejects with ServiceError when the run cannot be awaited. */
export type AwaitResult = (execution: WorkflowExecution) => Promise<WorkflowResult>;

export function createResults(wire: Wire): AwaitResult {
  const { clock } = wire;
  const awaited = new Map<string, Awaited>();
  let queue: Awaited[] = [];
  let inFlight = 0;
  let scheduled = false;
  let lastCall = Number.NEGATIVE_INFINITY;

  const schedule = (): void => {
    if (scheduled || queue.length === 0 || inFlight >= IN_FLIGHT) return;
    scheduled = true;
    clock.setTimer(Math.max(0, lastCall + paceOf(awaited.size) - clock.monotonic()), () => {
      scheduled = false;
      const runs = queue.slice(0, MAX_RUNS);
      queue = queue.slice(MAX_RUNS);
      if (runs.length > 0) void call(runs);
      schedule();
    });
  };
  const call = async (runs: readonly Awaited[]): Promise<void> => {
    inFlight += 1;
    lastCall = clock.monotonic();
    try {
      const results = await ask(wire, runs);
      const open = new Set(runs);
      for (const result of results) {
        const run = runs[result.index];
        if (!run || !open.has(run) || retryLater(run, result)) continue;
        open.delete(run);
        settle(run, (waiter) => end(waiter, result));
      }
      queue.push(...[...open].filter((run) => !run.resting));
    } catch (error) {
      for (const run of runs) settle(run, (waiter) => waiter.reject(error));
    } finally {
      inFlight -= 1;
      schedule();
    }
  };
  const settle = (run: Awaited, each: (waiter: Awaited['waiters'][number]) => void): void => {
    if (awaited.get(run.key) === run) awaited.delete(run.key);
    for (const waiter of run.waiters) each(waiter);
  };
  /** A run whose owner cannot be reached now is asked for again after a while, without holding up the others. */
  const retryLater = (run: Awaited, result: WorkflowResult): boolean => {
    if (result.outcome?.$case !== 'error') return false;
    const refusal = itemRefusal(result.outcome.value);
    if (!isTransient(refusal) || wire.closed.aborted) return false;
    run.failures += 1;
    run.resting = true;
    void pause(clock, backoff(clock, wire.retry, run.failures, refusal.retryAfterMs), wire.closed).then(() => {
      run.resting = false;
      queue.push(run);
      schedule();
    });
    return true;
  };
  return (execution) =>
    new Promise((resolve, reject) => {
      const key = `${execution.runId}/${execution.workflowId}`;
      const known = awaited.get(key);
      if (known) {
        known.waiters.push({ resolve, reject });
        return;
      }
      const run: Awaited = { key, execution, waiters: [{ resolve, reject }], failures: 0, resting: false };
      awaited.set(key, run);
      queue.push(run);
      schedule();
    });
}

function paceOf(runs: number): number {
  return runs < FREE_OF_PACE ? 0 : Math.min(MAX_PACE_MS, runs * PACE_PER_RUN_MS);
}

/** One long poll, tried again for as long as somebody waits unless the client's options say otherwise. */
async function ask(wire: Wire, runs: readonly Awaited[]): Promise<readonly WorkflowResult[]> {
  const { api, clock, namespace, closed: abort, retry } = wire;
  const request = { namespace, executions: runs.map((run) => run.execution), waitTimeout: WAIT };
  const options = { maximumElapsedMs: Number.POSITIVE_INFINITY, ...retry };
  const { results } = await withRetry({ clock, options, abort }, () =>
    api.awaitWorkflowResults(request, { deadlineMs: DEADLINE_MS, abort }),
  );
  return results;
}

function end(waiter: Awaited['waiters'][number], result: WorkflowResult): void {
  if (result.outcome?.$case === 'error') waiter.reject(new ServiceError(itemRefusal(result.outcome.value)));
  else waiter.resolve(result);
}
