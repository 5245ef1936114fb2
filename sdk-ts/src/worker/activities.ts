/** Runs activity tasks: looks up the function, gives it its context, reports how the attempt ended. */
import type { ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import type { ActivityTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import { runInContext } from '../activity/context.ts';
import { decodeMessage, encodeMessage, hasCodecs } from '../common/data-converter.ts';
import { ApplicationFailure, CancelledFailure, errorToFailure, readable } from '../common/failure.ts';
import { decodeValues, defaultPayloadConverter, encodeValue } from '../common/payload-converter.ts';
import { Code, ServiceError } from '../common/service-error.ts';
import { roughBytes } from '../common/size.ts';
import { type Attempt, contextOf, createAttempt, endedByStop, stopAttempt } from './attempt.ts';
import { acknowledgements, createPersistentBatch } from './completion-batch.ts';
import { createHeartbeats } from './heartbeats.ts';
import type { Link } from './link.ts';
import type { Slots } from './slots.ts';

/** The service's limit of all payloads of one event. */
const MAX_RESULT_BYTES = 2 * 1024 * 1024;

type Outcome = NonNullable<ActivityTaskCompletion['outcome']>;

/** An activity by its type. */
export type ActivityFunction = (...args: never[]) => unknown;

/** Runs activities of one worker. */
export interface ActivityRunner {
  /** Tasks that hold one slot each. */
  take(tasks: readonly ActivityTask[]): void;
  /** Tells all running code to stop, and runs no more. */
  stop(): void;
  /** Resolves when no attempt runs and all ends are reported. */
  drained(): Promise<void>;
  /** Tokens of attempts whose code runs; their ends are not reported any more. */
  abandon(): Uint8Array[];
}

/** Tasks that are not wanted any more go back through `returned`: begun or not. */
export interface ActivityRunnerOptions {
  readonly activities: ReadonlyMap<string, ActivityFunction>;
  readonly slots: Slots;
  giveBack(token: Uint8Array, begun: boolean): void;
}

export function createActivityRunner(link: Link, options: ActivityRunnerOptions): ActivityRunner {
  const { slots, activities, giveBack } = options;
  const { clock, log } = link;
  const heartbeats = createHeartbeats(link);
  const running = new Set<Attempt>();
  let stopped = false;
  let idle: (() => void)[] = [];
  const completions = createPersistentBatch<ActivityTaskCompletion, true>(link, roughBytes, async (items) => {
    const { api, namespace, info: worker, receipts, abandoned: abort } = link;
    const receivedAnswerIds = receipts.take();
    const request = { namespace, worker, completions: [...items], receivedAnswerIds };
    const { errors } = await api.completeActivityTasks(request, { abort }).catch((error: unknown) => {
      receipts.giveBack(receivedAnswerIds);
      throw error;
    });
    return acknowledgements(errors);
  });

  const run = async (task: ActivityTask): Promise<void> => {
    const attempt = createAttempt(task, clock);
    running.add(attempt);
    heartbeats.add(attempt);
    const outcome = await execute(link, activities, attempt, () => heartbeats.refresh(attempt));
    // The next attempt must find the details even if this one failed right after reporting them.
    if (outcome !== 'shutdown' && outcome.$case === 'failed') await heartbeats.flush(attempt);
    heartbeats.delete(attempt);
    // Not there any more: abandoned, and handed back already.
    if (running.delete(attempt)) {
      slots.release(1);
      if (outcome === 'shutdown') giveBack(task.token, true);
      else if (attempt.stopped?.cause !== 'unwanted') await report(link, completions.add, task, outcome);
    }
    if (running.size === 0) {
      for (const resolve of idle) resolve();
      idle = [];
    }
  };
  return {
    take(tasks) {
      for (const task of tasks) {
        if (stopped) {
          slots.release(1);
          giveBack(task.token, false);
        } else {
          run(task).catch((error: unknown) => log('error', 'an activity attempt was lost', { error: String(error) }));
        }
      }
    },
    stop() {
      stopped = true;
      for (const attempt of running) stopAttempt(attempt, 'shutdown', new CancelledFailure('the worker shuts down'));
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

/** Runs the code of an attempt. Never rejects. */
async function execute(
  link: Link,
  activities: ReadonlyMap<string, ActivityFunction>,
  attempt: Attempt,
  beatSoon: () => void,
): Promise<Outcome | 'shutdown'> {
  const { task } = attempt;
  try {
    const call = activities.get(task.activityType) as ((...args: unknown[]) => unknown) | undefined;
    if (!call) throw unknownType(task.activityType, activities);
    const coded = hasCodecs(link.dataConverter);
    if (coded) await decodeMessage(link.dataConverter, task);
    const args = decodeValues(defaultPayloadConverter, task.input, `activity ${task.activityType}`);
    const value = await runInContext(contextOf(attempt, link.clock, link.log, beatSoon), () => call(...args));
    const result = encodeValue(defaultPayloadConverter, value, `result of activity ${task.activityType}`);
    if (coded) await encodeMessage(link.dataConverter, result);
    checkSize(task.activityType, result);
    return { $case: 'completed', value: { result } };
  } catch (thrown) {
    return endOfThrown(link, attempt, readable(thrown));
  }
}

async function endOfThrown(link: Link, attempt: Attempt, thrown: unknown): Promise<Outcome | 'shutdown'> {
  const byStop = endedByStop(attempt, thrown);
  if (byStop && attempt.stopped?.cause === 'shutdown') return 'shutdown';
  const failure = errorToFailure(thrown, defaultPayloadConverter);
  const canceled = byStop && attempt.stopped?.cause === 'cancel';
  const outcome: Outcome = canceled
    ? { $case: 'canceled', value: { details: failure.info?.$case === 'canceled' ? failure.info.value.details : [] } }
    : { $case: 'failed', value: failure };
  try {
    if (hasCodecs(link.dataConverter)) await encodeMessage(link.dataConverter, outcome);
    return outcome;
  } catch (error) {
    return { $case: 'failed', value: errorToFailure(error, defaultPayloadConverter) };
  }
}

/** Brings an end to the service; one that is refused for what it holds is replaced by a failure that says so. */
async function report(
  link: Link,
  send: (completion: ActivityTaskCompletion) => Promise<true>,
  task: ActivityTask,
  outcome: Outcome,
): Promise<void> {
  const { token, activityType, activityId } = task;
  try {
    await send({ token, outcome });
  } catch (error) {
    if (link.abandoned.aborted) return;
    const fields = { activityType, activityId, error: String(error) };
    // Timed out, retried or canceled meanwhile: nobody waits for this end.
    if (error instanceof ServiceError && error.code === Code.NOT_FOUND) {
      link.log('debug', 'the end of an activity attempt came too late', fields);
      return;
    }
    link.log('error', 'the end of an activity attempt was refused', fields);
    if (!(error instanceof ServiceError) || error.reason === 'BAD_TOKEN') return;
    // What the service cannot store ends the attempt too: without any end it would wait for its time-out, which may be years away.
    const wrong = error.code === Code.INVALID_ARGUMENT;
    if (!wrong && error.code !== Code.INTERNAL) return;
    const message = `the service refused what activity ${activityType} ended with: ${error.message}`;
    const refused = new ApplicationFailure({ message, type: error.reason, nonRetryable: wrong });
    const failed: Outcome = { $case: 'failed', value: errorToFailure(refused, defaultPayloadConverter) };
    await send({ token, outcome: failed }).catch((again: unknown) => {
      link.log('error', 'the end of an activity attempt was refused again', { ...fields, error: String(again) });
    });
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
