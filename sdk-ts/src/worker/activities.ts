/** Runs activity tasks: looks up the function, gives it its context, reports how the attempt ended. */
import type { ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import type { ActivityTaskCompletion, FollowUp, WorkflowTaskAccepted } from '@perdure/proto/perdure/api/v1/worker_service';
import { type ActivityContext, CompleteAsyncError, runInContext } from '../activity/context.ts';
import type { ActivityExecuteInput, ActivityInterceptor } from '../activity/interceptor.ts';
import { decodeMessage, encodeMessage, hasCodecs } from '../common/data-converter.ts';
import { ApplicationFailure, CancelledFailure, errorToFailure, readable } from '../common/failure.ts';
import { intercepted } from '../common/interceptor.ts';
import { decodeValues, encodeValue } from '../common/payload-converter.ts';
import { Code, ServiceError } from '../common/service-error.ts';
import { roughBytes } from '../common/size.ts';
import { type Attempt, contextOf, createAttempt, endedByStop, stopAttempt } from './attempt.ts';
import { acknowledgements, createPersistentBatch, type PersistentBatch } from './completion-batch.ts';
import { callWithRoom, type EagerActivities, type EagerOffer } from './eager.ts';
import type { OpenFollowUp, Success } from './follow-up.ts';
import { createHeartbeats } from './heartbeats.ts';
import type { Link } from './link.ts';
import type { Slots } from './slots.ts';

/** The service's limit of all payloads of one event. */
const MAX_RESULT_BYTES = 2 * 1024 * 1024;

type Outcome = NonNullable<ActivityTaskCompletion['outcome']>;
/** Ends that are not reported: the task goes back as begun, goes back and does not count, or is left to another process. */
type Unreported = 'shutdown' | 'paused' | 'reset' | 'later';

/** An activity by its type. */
export type ActivityFunction = (...args: never[]) => unknown;

/** Runs activities of one worker. */
export interface ActivityRunner {
  /** Tasks that hold one slot each. */
  take(tasks: readonly ActivityTask[]): void;
  /** Where activity tasks in answers go. */
  readonly eager: EagerActivities;
  /** Tells all running code to stop, and runs no more. */
  stop(): void;
  /** A promise of the code of this attempt was rejected and nobody listened: fails the attempt. False if it does not run here. */
  crash(context: ActivityContext, reason: unknown): boolean;
  /** Resolves when no attempt runs and all ends are reported. */
  drained(): Promise<void>;
  /** Tokens of attempts whose code runs; their ends are not reported any more. */
  abandon(): Uint8Array[];
}

/** The activity for all types that have none of their own. */
const DYNAMIC = 'default';

/** Tasks that are not wanted any more go back through `returned`: begun or not. */
export interface ActivityRunnerOptions {
  readonly activities: ReadonlyMap<string, ActivityFunction>;
  /** The first is the outermost; undefined without any. */
  readonly interceptors?: readonly ActivityInterceptor[] | undefined;
  readonly slots: Slots;
  giveBack(token: Uint8Array, begun: boolean): void;
  /** Lets the run of an activity that has succeeded go on; undefined when it cannot. */
  followUp(success: Success): Promise<OpenFollowUp | undefined>;
}

export function createActivityRunner(link: Link, options: ActivityRunnerOptions): ActivityRunner {
  const { slots, giveBack } = options;
  const { clock, log } = link;
  const heartbeats = createHeartbeats(link);
  const running = new Set<Attempt>();
  let stopped = false;
  let idle: (() => void)[] = [];
  const eager: EagerActivities = {
    reserve: (most) => (stopped ? 0 : slots.takeShare(1, most)),
    take(tasks, reserved) {
      slots.settle(reserved, tasks.length);
      take(tasks);
    },
  };
  const completions = createCompletions(link, eager);

  const run = async (task: ActivityTask): Promise<void> => {
    const attempt = createAttempt(task, clock);
    running.add(attempt);
    heartbeats.add(attempt);
    const { outcome, result } = await execute(link, options, attempt, () => heartbeats.refresh(attempt));
    const elapsedMs = clock.monotonic() - attempt.since;
    const next = result && !attempt.stopped ? await options.followUp({ task, result, elapsedMs }) : undefined;
    let accepted: WorkflowTaskAccepted | undefined;
    // The next attempt must find the details even if this one failed right after reporting them.
    if (detailsMatter(outcome)) await heartbeats.flush(attempt);
    heartbeats.delete(attempt);
    // Not there any more: abandoned, and handed back already.
    if (running.delete(attempt)) {
      slots.release(1);
      if (outcome === 'shutdown') giveBack(task.token, true);
      else if (outcome === 'paused' || outcome === 'reset') giveBack(task.token, false);
      else if (outcome !== 'later' && attempt.stopped?.cause !== 'unwanted')
        accepted = await report(link, completions.add, task, outcome, next?.message);
    }
    next?.settle(accepted);
    if (running.size === 0) {
      for (const resolve of idle) resolve();
      idle = [];
    }
  };
  const take = (tasks: readonly ActivityTask[]): void => {
    for (const task of tasks) {
      if (stopped) {
        slots.release(1);
        giveBack(task.token, false);
      } else {
        run(task).catch((error: unknown) => log('error', 'an activity attempt was lost', { error: String(error) }));
      }
    }
  };
  return {
    eager,
    take,
    stop() {
      stopped = true;
      for (const attempt of running) stopAttempt(attempt, 'shutdown', new CancelledFailure('the worker shuts down'));
    },
    crash(context, reason) {
      // Rare: a search costs less than an index of all attempts.
      for (const attempt of running) {
        if (attempt.context !== context) continue;
        attempt.crash?.(reason);
        // What still runs of it is of no use.
        stopAttempt(attempt, 'deadline', new CancelledFailure('the attempt has failed: a promise was rejected and nobody listened'));
        return true;
      }
      return false;
    },
    async drained() {
      if (running.size > 0) await new Promise<void>((resolve) => idle.push(resolve));
      await completions.drained();
    },
    abandon() {
      heartbeats.close();
      const tokens = Array.from(running, (attempt) => attempt.task.token);
      running.clear();
      return tokens;
    },
  };
}

/** Ends of attempts; each is answered with what became of its follow-up, undefined when it had none or it was left out. */
function createCompletions(link: Link, eager: EagerActivities): PersistentBatch<ActivityTaskCompletion, WorkflowTaskAccepted | undefined> {
  const { api, namespace, info: worker, abandoned: abort } = link;
  return createPersistentBatch<ActivityTaskCompletion, WorkflowTaskAccepted | undefined>(link, roughBytes, async (items) => {
    const commands = items.map(({ followUp }) => followUp?.completion?.commands ?? []);
    const call = (offer: EagerOffer) => api.completeActivityTasks({ namespace, worker, completions: [...items], ...offer }, { abort });
    const { errors, followUps } = await callWithRoom(link, eager, commands, call);
    return acknowledgements(errors).map((taken, index) => {
      if (taken !== true) return taken;
      const outcome = followUps[index]?.outcome;
      return outcome?.$case === 'ok' ? outcome.value : undefined;
    });
  });
}

interface Ended {
  readonly outcome: Outcome | Unreported;
  /** Of a success, as no codec has touched it. */
  readonly result?: Payload;
}

/** Runs the code of an attempt. Never rejects. */
async function execute(link: Link, options: ActivityRunnerOptions, attempt: Attempt, beatSoon: () => void): Promise<Ended> {
  const { task } = attempt;
  const { activities } = options;
  try {
    const call = (activities.get(task.activityType) ?? activities.get(DYNAMIC)) as ((...args: unknown[]) => unknown) | undefined;
    if (!call) throw unknownType(task.activityType, activities);
    const coded = hasCodecs(link.dataConverter);
    if (coded) await decodeMessage(link.dataConverter, task);
    const args = decodeValues(link.converter, task.input, `activity ${task.activityType}`);
    const context = contextOf(attempt, link, beatSoon);
    // Ends early when a promise of the code is rejected that nobody listens to.
    const value = await new Promise((resolve, reject) => {
      attempt.crash = reject;
      const returned = runInContext(context, () => callActivity(options, context, call, args));
      // Not resolved with the promise: then it alone would decide.
      if (returned instanceof Promise) returned.then(resolve, reject);
      else resolve(returned);
    });
    const result = encodeValue(link.converter, value, `result of activity ${task.activityType}`);
    const told = coded ? { ...result } : result;
    if (coded) await encodeMessage(link.dataConverter, told);
    checkSize(task.activityType, told);
    return { outcome: { $case: 'completed', value: { result: told } }, result };
  } catch (thrown) {
    const problem = readable(thrown);
    return { outcome: problem instanceof CompleteAsyncError ? 'later' : await endOfThrown(link, attempt, problem) };
  }
}

function callActivity(
  { interceptors }: ActivityRunnerOptions,
  context: ActivityContext,
  call: (...args: unknown[]) => unknown,
  args: readonly unknown[],
): unknown {
  if (interceptors === undefined) return call(...args);
  const execute = intercepted<ActivityInterceptor, ActivityExecuteInput, Promise<unknown>>(
    interceptors,
    (interceptor) => interceptor.execute?.bind(interceptor),
    async (input) => await call(...input.args),
  );
  return execute({ args, headers: context.info.headers, info: context.info });
}

async function endOfThrown(link: Link, attempt: Attempt, thrown: unknown): Promise<Outcome | Unreported> {
  const byStop = endedByStop(attempt, thrown);
  const cause = attempt.stopped?.cause;
  if (byStop && (cause === 'shutdown' || cause === 'paused' || cause === 'reset')) return cause;
  const failure = errorToFailure(thrown, link.converter);
  const canceled = byStop && cause === 'cancel';
  const outcome: Outcome = canceled
    ? { $case: 'canceled', value: { details: failure.info?.$case === 'canceled' ? failure.info.value.details : [] } }
    : { $case: 'failed', value: failure };
  try {
    if (hasCodecs(link.dataConverter)) await encodeMessage(link.dataConverter, outcome);
    return outcome;
  } catch (error) {
    return { $case: 'failed', value: errorToFailure(error, link.converter) };
  }
}

/** Whether somebody will look for the details of this attempt. Not after a reset, which may have thrown them away. */
function detailsMatter(outcome: Outcome | Unreported): boolean {
  return outcome === 'later' || outcome === 'paused' || (typeof outcome !== 'string' && outcome.$case === 'failed');
}

/** Brings an end to the service; one that is refused for what it holds is replaced by a failure that says so. */
async function report(
  link: Link,
  send: (completion: ActivityTaskCompletion) => Promise<WorkflowTaskAccepted | undefined>,
  task: ActivityTask,
  outcome: Outcome,
  followUp: FollowUp | undefined,
): Promise<WorkflowTaskAccepted | undefined> {
  const { token, activityType, activityId } = task;
  try {
    return await send({ token, outcome, followUp, activity: undefined });
  } catch (error) {
    if (link.abandoned.aborted) return undefined;
    const fields = { activityType, activityId, error: String(error) };
    // Timed out, retried or canceled meanwhile: nobody waits for this end.
    if (error instanceof ServiceError && error.code === Code.NOT_FOUND) {
      link.log('debug', 'the end of an activity attempt came too late', fields);
      return undefined;
    }
    link.log('error', 'the end of an activity attempt was refused', fields);
    if (!(error instanceof ServiceError) || error.reason === 'BAD_TOKEN') return undefined;
    // What the service cannot store ends the attempt too: without any end it would wait for its time-out, which may be years away.
    const wrong = error.code === Code.INVALID_ARGUMENT;
    if (!wrong && error.code !== Code.INTERNAL) return undefined;
    const message = `the service refused what activity ${activityType} ended with: ${error.message}`;
    const refused = new ApplicationFailure({ message, type: error.reason, nonRetryable: wrong });
    const failed: Outcome = { $case: 'failed', value: errorToFailure(refused, link.converter) };
    await send({ token, outcome: failed, followUp: undefined, activity: undefined }).catch((again: unknown) => {
      link.log('error', 'the end of an activity attempt was refused again', { ...fields, error: String(again) });
    });
    return undefined;
  }
}

function unknownType(type: string, activities: ReadonlyMap<string, ActivityFunction>): ApplicationFailure {
  const known = [...activities.keys()].sort().join(', ');
  // Retryable: another worker of the queue, or the next release of this one, may have it.
  return ApplicationFailure.retryable(`this worker has no activity "${type}" (it has: ${known})`, 'UnknownActivityType');
}

function checkSize(type: string, result: Payload): void {
  const bytes = roughBytes(result);
  if (bytes <= MAX_RESULT_BYTES) return;
  throw ApplicationFailure.nonRetryable(
    `the result of activity ${type} takes ${bytes} bytes, the limit is ${MAX_RESULT_BYTES}; store large values elsewhere and return where`,
    'TOO_LARGE',
  );
}
