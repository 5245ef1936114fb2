/** What operators ask about one open activity: show, pause, resume, reset, change its options. */
import type { ActivityName } from '@perdure/proto/perdure/api/v1/activity';
import { MAX_ID_BYTES } from '../core/limits.ts';
import { badField } from '../errors.ts';
import type { ActivityChange, ActivityRef } from '../roles.ts';
import type { NamespaceRow } from '../store/store.ts';
import type { Context, Frontend } from './call.ts';
import { checkText } from './text.ts';
import { boundText, durationMs, requireExecution, requireId } from './validate.ts';

type OperatorRpcs = Pick<Frontend, 'describeActivity' | 'pauseActivity' | 'resumeActivity' | 'resetActivity' | 'updateActivityOptions'>;
type Options = Parameters<Frontend['updateActivityOptions']>[0]['options'];

/** DescribeActivity, PauseActivity, ResumeActivity, ResetActivity and UpdateActivityOptions. */
export function activityOperatorRpcs(context: Context): OperatorRpcs {
  const change = async (
    request: { namespace: string; activity: ActivityName | undefined },
    made: ActivityChange,
  ): ReturnType<Context['history']['changeActivity']> => {
    const namespace = await context.namespaces.find(request.namespace);
    return context.history.changeActivity(activityRef(namespace, request.activity), made);
  };
  return {
    describeActivity: async (request) => {
      checkText(request);
      const namespace = await context.namespaces.find(request.namespace);
      return context.history.describeActivity(activityRef(namespace, request.activity));
    },
    pauseActivity: async (request) => {
      checkText(request);
      const reason = boundText('reason', request.reason);
      const { runId } = await change(request, { kind: 'pause', reason, identity: boundText('identity', request.identity) });
      return { runId };
    },
    resumeActivity: async (request) => {
      checkText(request);
      const identity = boundText('identity', request.identity);
      const { runId } = await change(request, { kind: 'resume', jitterMs: durationMs('jitter', request.jitter), identity });
      return { runId };
    },
    resetActivity: async (request) => {
      checkText(request);
      const { resetHeartbeatDetails, keepPaused, restoreOptions } = request;
      const identity = boundText('identity', request.identity);
      const jitterMs = durationMs('jitter', request.jitter);
      const made = { kind: 'reset', jitterMs, resetHeartbeatDetails, keepPaused, restoreOptions, identity } as const;
      const { runId } = await change(request, made);
      return { runId };
    },
    updateActivityOptions: async (request) => {
      checkText(request);
      const identity = boundText('identity', request.identity);
      const { restoreOriginal } = request;
      const options = checkOptions(request.options, restoreOriginal);
      return change(request, { kind: 'options', options, restoreOriginal, identity });
    },
  };
}

/** An activity by its names. Throws BAD_FIELD naming the field below `activity`. */
export function activityRef(namespace: NamespaceRow, activity: ActivityName | undefined): ActivityRef {
  if (activity === undefined) throw badField('activity', 'is required');
  const execution = requireExecution(activity.execution, 'activity.execution');
  return { namespaceId: namespace.namespaceId, ...execution, activityId: requireId('activity.activity_id', activity.activityId) };
}

function checkOptions(options: Options, restoreOriginal: boolean): NonNullable<Options> {
  if (options === undefined) {
    if (!restoreOriginal) throw badField('options', 'something to change, or restore_original, is required');
    return { ...noLimits, taskQueue: '', retryPolicy: undefined };
  }
  boundText('options.task_queue', options.taskQueue, MAX_ID_BYTES);
  durationMs('options.schedule_to_close_timeout', options.scheduleToCloseTimeout);
  durationMs('options.schedule_to_start_timeout', options.scheduleToStartTimeout);
  durationMs('options.start_to_close_timeout', options.startToCloseTimeout);
  durationMs('options.heartbeat_timeout', options.heartbeatTimeout);
  checkRetryPolicy(options.retryPolicy);
  return options;
}

const noLimits = {
  scheduleToCloseTimeout: undefined,
  scheduleToStartTimeout: undefined,
  startToCloseTimeout: undefined,
  heartbeatTimeout: undefined,
};

function checkRetryPolicy(policy: NonNullable<Options>['retryPolicy']): void {
  if (policy === undefined) return;
  const field = 'options.retry_policy';
  const initial = durationMs(`${field}.initial_interval`, policy.initialInterval);
  const most = durationMs(`${field}.maximum_interval`, policy.maximumInterval);
  if (most > 0 && most < initial) throw badField(`${field}.maximum_interval`, `${most} ms is below the initial interval ${initial} ms`);
  const { backoffCoefficient: factor, maximumAttempts } = policy;
  if (factor !== 0 && !(factor >= 1 && Number.isFinite(factor))) throw badField(`${field}.backoff_coefficient`, `${factor} is less than 1`);
  if (maximumAttempts < 0) throw badField(`${field}.maximum_attempts`, `${maximumAttempts} is negative`);
}
