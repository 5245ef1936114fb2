/** Waits for the ends of runs: a few shared long polls for all handles of a client. */
import type { WorkflowExecution } from '@perdure/proto/perdure/api/v1/common';
import type { WorkflowResult } from '@perdure/proto/perdure/api/v1/workflow_service';
import { pause } from '../common/clock.ts';
import { durationToProto } from '../common/duration.ts';
import { backoff, mayPass, withRetry } from '../common/retry.ts';
import { Code, itemRefusal, type Refusal, refusalOf, ServiceError } from '../common/service-error.ts';
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

/**
 * Ms for which what is new waits for a free poll; then the poll for the fewest runs is given up and made again together with it. Runs
 * that close soon are known after this long even while all polls wait for long runs. The longer one is for more runs than polls can hold.
 */
const PATIENCE_MS = 25;
const LONG_PATIENCE_MS = 1_000;

/** A call on its way. */
interface Poll {
  readonly runs: readonly Awaited[];
  readonly abort: AbortController;
}

interface Waiter {
  readonly resolve: (result: WorkflowResult) => void;
  readonly reject: (error: unknown) => void;
}

/** A run as named by those who wait for it. */
interface Awaited {
  readonly key: string;
  readonly execution: WorkflowExecution;
  readonly waiters: Waiter[];
  failures: number;
  /** Waits before it is asked for again. */
  resting: boolean;
}

/** Resolves with the closing event of a run: of the last of its chain unless `thisRunOnly`. Rejects with ServiceError when the run cannot be awaited. */
export type AwaitResult = (execution: WorkflowExecution, thisRunOnly: boolean) => Promise<WorkflowResult>;

/** Waits for ends of chains, and for those of single runs, which are asked for by other calls. */
export function createResults(wire: Wire): AwaitResult {
  const chains = createWaits(wire, false);
  let runs: ReturnType<typeof createWaits> | undefined;
  return (execution, thisRunOnly) => {
    if (!thisRunOnly) return chains(execution);
    runs ??= createWaits(wire, true);
    return runs(execution);
  };
}

function createWaits(wire: Wire, thisRunOnly: boolean): (execution: WorkflowExecution) => Promise<WorkflowResult> {
  const { clock } = wire;
  const awaited = new Map<string, Awaited>();
  const polls = new Set<Poll>();
  let queue: Awaited[] = [];
  let scheduled = false;
  let impatient = false;
  const outage = outageLog(wire);
  let lastCall = Number.NEGATIVE_INFINITY;

  const schedule = (): void => {
    if (queue.length === 0) return;
    if (polls.size >= IN_FLIGHT) waitForPoll();
    if (scheduled || polls.size >= IN_FLIGHT) return;
    scheduled = true;
    clock.setTimer(Math.max(0, lastCall + paceOf(awaited.size) - clock.monotonic()), () => {
      scheduled = false;
      const runs = queue.slice(0, MAX_RUNS);
      queue = queue.slice(MAX_RUNS);
      if (runs.length > 0) void call(runs);
      schedule();
    });
  };
  const waitForPoll = (): void => {
    if (impatient) return;
    impatient = true;
    clock.setTimer(awaited.size > IN_FLIGHT * MAX_RUNS ? LONG_PATIENCE_MS : PATIENCE_MS, () => {
      impatient = false;
      if (queue.length === 0 || polls.size < IN_FLIGHT) return;
      leastOf(polls).abort.abort();
    });
  };
  const call = async (runs: readonly Awaited[]): Promise<void> => {
    const poll: Poll = { runs, abort: new AbortController() };
    const end = (): void => poll.abort.abort();
    polls.add(poll);
    lastCall = clock.monotonic();
    wire.closed.addEventListener('abort', end, { once: true });
    try {
      take(runs, await ask(wire, { runs, thisRunOnly }, poll.abort.signal, outage));
    } catch (error) {
      fail(runs, error, poll);
    } finally {
      polls.delete(poll);
      wire.closed.removeEventListener('abort', end);
      schedule();
    }
  };
  const take = (runs: readonly Awaited[], results: readonly WorkflowResult[]): void => {
    const open = new Set(runs);
    for (const result of results) {
      const run = runs[result.index];
      if (!run || !open.has(run) || retryLater(run, result)) continue;
      open.delete(run);
      settle(run, (waiter) => answer(waiter, result));
    }
    queue.push(...[...open].filter((run) => !run.resting));
  };
  const fail = (runs: readonly Awaited[], error: unknown, { abort }: Poll): void => {
    if (abort.signal.aborted && !wire.closed.aborted) {
      // Given up for what is new: asked for again with it.
      queue.push(...runs);
    } else if (runs.length > 1 && refusalOf(error)?.code === Code.INVALID_ARGUMENT) {
      // Refused for one of them, perhaps: the others must not suffer.
      for (const half of halves(runs)) void call(half);
    } else {
      for (const run of runs) settle(run, (waiter) => waiter.reject(error));
    }
  };
  const settle = (run: Awaited, each: (waiter: Waiter) => void): void => {
    if (awaited.get(run.key) === run) awaited.delete(run.key);
    for (const waiter of run.waiters) each(waiter);
  };
  const retryLater = (run: Awaited, result: WorkflowResult): boolean =>
    rest(wire, run, result, () => {
      queue.push(run);
      schedule();
    });
  const wait = (execution: WorkflowExecution, waiter: Waiter): void => {
    const key = `${execution.runId}/${execution.workflowId}`;
    const known = awaited.get(key);
    if (known) {
      known.waiters.push(waiter);
      return;
    }
    const run: Awaited = { key, execution, waiters: [waiter], failures: 0, resting: false };
    awaited.set(key, run);
    queue.push(run);
    schedule();
  };
  return (execution) => new Promise((resolve, reject) => wait(execution, { resolve, reject }));
}

/** A run whose owner cannot be reached now is asked for again after a while, without holding up the others. */
function rest(wire: Wire, run: Awaited, { outcome }: WorkflowResult, again: () => void): boolean {
  if (outcome?.$case !== 'error' || wire.closed.aborted) return false;
  const refusal = itemRefusal(outcome.value);
  if (!mayPass(refusal, run.failures + 1)) return false;
  run.failures += 1;
  run.resting = true;
  void pause(wire.clock, backoff(wire.clock, wire.retry, run.failures, refusal.retryAfterMs), wire.closed).then(() => {
    run.resting = false;
    again();
  });
  return true;
}

function halves<T>(list: readonly T[]): [readonly T[], readonly T[]] {
  const middle = Math.ceil(list.length / 2);
  return [list.slice(0, middle), list.slice(middle)];
}

function leastOf(polls: Iterable<Poll>): Poll {
  const [first, ...others] = polls;
  return others.reduce((a, b) => (b.runs.length < a.runs.length ? b : a), first as Poll);
}

function paceOf(runs: number): number {
  return runs < FREE_OF_PACE ? 0 : Math.min(MAX_PACE_MS, runs * PACE_PER_RUN_MS);
}

/** Says once that the service is away, and once that it is back. */
interface Outage {
  readonly began: (refusal: Refusal) => void;
  readonly ended: () => void;
}

function outageLog({ log }: Wire): Outage {
  let away = false;
  return {
    began({ message }) {
      if (!away)
        log('warn', 'the service cannot be reached (is the address right?); results are waited for until it can', { error: message });
      away = true;
    },
    ended() {
      if (away) log('info', 'the service can be reached again');
      away = false;
    },
  };
}

/** One long poll, tried again for as long as somebody waits unless the client's options say otherwise. */
async function ask(
  wire: Wire,
  { runs, thisRunOnly }: { runs: readonly Awaited[]; thisRunOnly: boolean },
  abort: AbortSignal,
  outage: Outage,
): Promise<readonly WorkflowResult[]> {
  const { api, clock, namespace, retry } = wire;
  const request = { namespace, executions: runs.map((run) => run.execution), waitTimeout: WAIT, thisRunOnly };
  const options = { maximumElapsedMs: Number.POSITIVE_INFINITY, ...retry };
  const { results } = await withRetry({ clock, options, abort, onFailure: outage.began }, () =>
    api.awaitWorkflowResults(request, { deadlineMs: DEADLINE_MS, abort }),
  );
  outage.ended();
  return results;
}

function answer(waiter: Waiter, result: WorkflowResult): void {
  if (result.outcome?.$case === 'error') waiter.reject(new ServiceError(itemRefusal(result.outcome.value)));
  else waiter.resolve(result);
}
