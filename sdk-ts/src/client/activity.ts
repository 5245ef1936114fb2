/** Activities as any process may end them: by the token of an attempt, or by the activity's names whatever attempt it is at. */
import type { ActivityName } from '@perdure/proto/perdure/api/v1/activity';
import type { WorkerInfo } from '@perdure/proto/perdure/api/v1/common';
import type { ActivityTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import { encodeMessage, hasCodecs } from '../common/data-converter.ts';
import { errorToFailure, readable } from '../common/failure.ts';
import { encodeValue, encodeValues } from '../common/payload-converter.ts';
import { withRetry } from '../common/retry.ts';
import { itemRefusal, refusalOf, ServiceError } from '../common/service-error.ts';
import { checkText } from '../common/text.ts';
import { ActivityNotFoundError, clientError } from './errors.ts';
import { retryContext, type Wire } from './wire.ts';

/** An activity by its names. */
export interface ActivityId {
  readonly workflowId: string;
  /** Default: the open run of the workflow id. */
  readonly runId?: string;
  /** `activityInfo().activityId`, or the `activityId` the workflow chose. */
  readonly activityId: string;
}

/** What an operator or the workflow wants of an activity that runs. */
export interface ActivityAnswer {
  /** The workflow has cancelled it: stop, then `reportCancellation`. */
  readonly cancelRequested: boolean;
  /** An operator has paused it: no further attempt begins until it is resumed. */
  readonly paused: boolean;
  /** An operator has reset it: after this attempt they count from 1. */
  readonly reset: boolean;
}

/**
 * An activity is named by `activityInfo().taskToken`, which means this one attempt, or by its names. All reject with
 * ActivityNotFoundError when it is not open any more, WorkflowNotFoundError without such a run, PayloadEncodeError for what cannot be
 * sent, TypeError for wrong arguments, ServiceError BAD_TOKEN for a token that is none.
 */
export interface Activities {
  /** Resolves when the result is durable; at most 2 MiB. */
  complete(activity: string | ActivityId, result?: unknown): Promise<void>;
  /** The attempt has failed: the retry policy decides, `ApplicationFailure.nonRetryable` ends the activity. */
  fail(activity: string | ActivityId, error: unknown): Promise<void>;
  /** A sign of life, with details for the next attempt; by names it needs an attempt that runs. */
  heartbeat(activity: string | ActivityId, details?: unknown): Promise<ActivityAnswer>;
  /** It has stopped because the workflow cancelled it; if nobody has, this counts as a failed attempt. */
  reportCancellation(activity: string | ActivityId, details?: readonly unknown[]): Promise<void>;
}

type Outcome = NonNullable<ActivityTaskCompletion['outcome']>;
type Address = Pick<ActivityTaskCompletion, 'token' | 'activity'>;

export function createActivities(wire: Wire): Activities {
  const { api, namespace, converter, dataConverter, closed: abort } = wire;
  let worker: WorkerInfo | undefined;
  // The protocol asks who reports. It never polls, so no task comes to it.
  const reporter = (): WorkerInfo => {
    worker ??= { workerId: wire.clock.newId(), identity: wire.identity, buildId: '', sdkName: 'typescript', sdkVersion: '' };
    return worker;
  };
  const end = async (activity: string | ActivityId, outcomeOf: () => Outcome): Promise<void> => {
    const address = addressOf(activity);
    const outcome = outcomeOf();
    if (hasCodecs(dataConverter)) await encodeMessage(dataConverter, outcome);
    const completions = [{ ...address, outcome, followUp: undefined }];
    const request = { namespace, worker: reporter(), completions, receivedAnswerIds: [], eagerActivitySlots: 0, eagerActivityQueues: [] };
    await attempt(wire, address, async () => {
      const { errors } = await api.completeActivityTasks(request, { abort });
      throwRefusal(errors[0]);
    });
  };
  return {
    complete: (activity, result) =>
      end(activity, () => ({ $case: 'completed', value: { result: encodeValue(converter, result, 'result') } })),
    fail: (activity, error) => end(activity, () => ({ $case: 'failed', value: errorToFailure(readable(error), converter) })),
    reportCancellation: (activity, details = []) =>
      end(activity, () => ({ $case: 'canceled', value: { details: encodeValues(converter, details, 'details') } })),
    heartbeat: async (activity, details) => {
      const address = addressOf(activity);
      const heartbeat = { ...address, details: details === undefined ? undefined : encodeValue(converter, details, 'heartbeat details') };
      if (hasCodecs(dataConverter)) await encodeMessage(dataConverter, heartbeat);
      const request = { namespace, worker: reporter(), heartbeats: [heartbeat], receivedAnswerIds: [] };
      return await attempt(wire, address, async () => {
        const { results } = await api.heartbeatActivities(request, { abort });
        const [result] = results;
        throwRefusal(result?.error);
        const { cancelRequested = false, paused = false, reset = false } = result ?? {};
        return { cancelRequested, paused, reset };
      });
    },
  };
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

function addressOf(activity: string | ActivityId): Address {
  if (typeof activity === 'string') {
    if (!BASE64.test(activity)) throw new TypeError('activity: must be a taskToken of activityInfo(), or { workflowId, activityId }');
    return { token: Buffer.from(activity, 'base64'), activity: undefined };
  }
  const { workflowId, runId = '', activityId } = activity;
  checkText('workflowId', workflowId);
  checkText('activityId', activityId);
  return { token: new Uint8Array(0), activity: { execution: { workflowId, runId }, activityId } };
}

function throwRefusal(error: Parameters<typeof itemRefusal>[0] | undefined): void {
  if (error && error.code !== 0) throw new ServiceError(itemRefusal(error));
}

async function attempt<T>(wire: Wire, { activity }: { activity: ActivityName | undefined }, call: () => Promise<T>): Promise<T> {
  let unanswered = false;
  const onFailure = (): void => {
    unanswered = true;
  };
  try {
    return await withRetry({ ...retryContext(wire), onFailure }, call);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal?.reason === 'ACTIVITY_NOT_FOUND') throw new ActivityNotFoundError(refusal, unanswered, { cause: error });
    throw clientError(error, activity?.execution?.workflowId);
  }
}
