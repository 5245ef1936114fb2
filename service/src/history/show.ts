/** How a run's state is shown: rows for lists, and the answer of describe. */
import { type PendingActivity, PendingActivityState } from '@perdure/proto/perdure/api/v1/activity';
import type { PendingChild } from '@perdure/proto/perdure/api/v1/child';
import type { SearchAttributeValue } from '@perdure/proto/perdure/api/v1/common';
import type { PendingExternal } from '@perdure/proto/perdure/api/v1/external';
import type { ForkInfo } from '@perdure/proto/perdure/api/v1/fork';
import { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { WorkflowPropertiesUpserted, WorkflowStatus, type WorkflowSummary } from '@perdure/proto/perdure/api/v1/workflow';
import type { BlockedInfo, DescribeWorkflowResponse } from '@perdure/proto/perdure/api/v1/workflow_service';
import { optionsOf } from '../core/activity-operators.ts';
import { encode } from '../core/encode.ts';
import { BLOCKED_AT_ACTIVITY_ATTEMPT } from '../core/limits.ts';
import { type Activity, type Child, type ExternalRequest, isOpen, type RunState } from '../core/state.ts';
import { toDuration, toTimestamp } from '../core/time.ts';
import { dueSince, isTaskDue } from '../core/workflow-task.ts';
import { parseTime } from '../core/written-time.ts';
import type { VisibilityRow } from '../store/store.ts';

/** Name of a task failure cause without its prefix, for example NONDETERMINISM. */
function causeName(cause: WorkflowTaskFailureCause): string {
  return Object.entries(WorkflowTaskFailureCause).find(([, value]) => value === cause)?.[0] ?? 'UNSPECIFIED';
}

/** Why the run does not get on, '' when it does. */
export function blockedCause(state: RunState): string {
  if (!isOpen(state)) return '';
  if (state.task.blockedSince > 0) return causeName(state.task.cause);
  for (const activity of state.activities.values()) if (activity.attempt >= BLOCKED_AT_ACTIVITY_ATTEMPT) return 'ACTIVITY_RETRIES';
  return '';
}

/** Where the run stands, for people: a paused run is open all the same. */
export function statusOf(state: RunState): WorkflowStatus {
  return state.paused === undefined ? state.status : WorkflowStatus.PAUSED;
}

/** When what blocks the run began, ms; 0 when nothing does. */
function blockedSince(state: RunState): number {
  if (blockedCause(state) === '') return 0;
  return state.task.blockedSince > 0 ? state.task.blockedSince : (worstActivity(state).failures[0]?.time ?? 0);
}

function worstActivity(state: RunState): Activity {
  return [...state.activities.values()].find((activity) => activity.attempt >= BLOCKED_AT_ACTIVITY_ATTEMPT) as Activity;
}

/** Built-in fields without a column of their own (core/visibility-fields.ts): absent where a run has none. */
function extraAttributes(state: RunState): Record<string, unknown> {
  const since = blockedSince(state);
  return since === 0 ? {} : { BlockedSince: since };
}

/** One run as lists show it; memo and attributes only when asked for. */
export function toVisibility(state: RunState, changed: { memo: boolean; attributes: boolean }): VisibilityRow {
  return {
    type: state.workflowType,
    status: statusOf(state),
    startedAt: state.startedAt,
    closedAt: isOpen(state) ? null : state.closedAt,
    taskQueue: state.taskQueue,
    buildId: state.task.buildId,
    blockedCause: blockedCause(state),
    historyLength: state.nextEventId - 1,
    attributes: changed.attributes ? { ...plainAttributes(state.searchAttributes), ...extraAttributes(state) } : undefined,
    memo: changed.memo
      ? encode(WorkflowPropertiesUpserted, { completedEventId: 0n, memo: state.memo, searchAttributes: state.searchAttributes })
      : undefined,
  };
}

function plainAttributes(attributes: Record<string, SearchAttributeValue>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { value }]) => {
      if (value?.$case === 'keywordList') return [name, value.value.values];
      // Times compare as numbers. One that no longer reads is missing rather than wrong.
      if (value?.$case === 'datetime') return [name, parseTime(value.value) ?? null];
      return [name, value?.$case === 'int' ? Number(value.value) : (value?.value ?? null)];
    }),
  );
}

function summary(state: RunState): WorkflowSummary {
  const { workflowId, runId } = state.identity;
  return {
    execution: { workflowId, runId },
    workflowType: state.workflowType,
    taskQueue: state.taskQueue,
    status: statusOf(state),
    startTime: toTimestamp(state.startedAt),
    closeTime: isOpen(state) ? undefined : toTimestamp(state.closedAt),
    historyLength: BigInt(state.nextEventId - 1),
    blockedCause: blockedCause(state),
    searchAttributes: state.searchAttributes,
    memo: state.memo,
  };
}

function blockedInfo(state: RunState): BlockedInfo | undefined {
  const cause = blockedCause(state);
  if (cause === '') return undefined;
  const { task } = state;
  if (task.blockedSince > 0) {
    return { cause, since: toTimestamp(task.blockedSince), attempt: task.attempt, failure: task.failure, taskFailureCause: task.cause };
  }
  const worst = worstActivity(state);
  const last = worst.failures.at(-1);
  return {
    cause,
    since: toTimestamp(blockedSince(state)),
    attempt: worst.attempt,
    failure: last?.failure,
    taskFailureCause: WorkflowTaskFailureCause.UNSPECIFIED,
  };
}

function activityState(activity: Activity, now: number): PendingActivityState {
  if (activity.cancelRequested) return PendingActivityState.CANCEL_REQUESTED;
  if (activity.startedAt > 0) return PendingActivityState.STARTED;
  if (activity.operated?.paused !== undefined) return PendingActivityState.PAUSED;
  return activity.dueAt > now ? PendingActivityState.BACKING_OFF : PendingActivityState.SCHEDULED;
}

/** An open activity as describe shows it. */
export function pendingActivity(activity: Activity, now: number): PendingActivity {
  const at = (ms: number) => (ms > 0 ? toTimestamp(ms) : undefined);
  const { paused, original, resetRequested = false } = activity.operated ?? {};
  return {
    activityId: activity.activityId,
    activityType: activity.activityType,
    state: activityState(activity, now),
    attempt: activity.attempt,
    taskQueue: activity.taskQueue,
    scheduledTime: at(activity.scheduledAt),
    lastStartedTime: at(activity.startedAt),
    nextAttemptTime: activity.startedAt === 0 && activity.dueAt > now && paused === undefined ? at(activity.dueAt) : undefined,
    lastHeartbeatTime: at(activity.live.heartbeatAt),
    heartbeatDetails: activity.heartbeatDetails,
    lastWorkerIdentity: activity.identity,
    failureCount: activity.failureCount,
    failures: activity.failures.map(({ attempt, time, failure }) => ({ attempt, time: at(time), failure })),
    pause: paused && { time: at(paused.at), reason: paused.reason, identity: paused.identity },
    cancelRequested: activity.cancelRequested,
    options: optionsOf(activity),
    optionsChanged: original !== undefined,
    resetRequested,
  };
}

function pendingChild(child: Child): PendingChild {
  const { number, workflowId, workflowType, runId, scheduledEventId, scheduledAt, parentClosePolicy, cancelRequested } = child;
  const scheduledTime = toTimestamp(scheduledAt);
  return {
    number,
    workflowId,
    workflowType,
    runId,
    scheduledEventId: BigInt(scheduledEventId),
    scheduledTime,
    parentClosePolicy,
    cancelRequested,
  };
}

function pendingExternal({ number, scheduledEventId, workflowId, runId, signalName }: ExternalRequest): PendingExternal {
  return { number, scheduledEventId: BigInt(scheduledEventId), target: { workflowId, runId }, signalName };
}

function forkInfo({ baseRunId, eventId, time, reason }: NonNullable<RunState['forked']>): ForkInfo {
  return { baseRunId, eventId: BigInt(eventId), time: toTimestamp(time), reason };
}

/** The answer of describe, from memory; the caller releases it when the state is committed. */
export function describe(state: RunState, now: number, notes: string[]): DescribeWorkflowResponse {
  const { flight } = state.live;
  const pendingTask = isOpen(state) && (flight !== undefined || isTaskDue(state));
  return {
    summary: summary(state),
    runTimeout: toDuration(state.runTimeoutMs),
    executionTimeout: toDuration(state.executionTimeoutMs),
    taskTimeout: toDuration(state.taskTimeoutMs),
    pendingActivities: [...state.activities.values()].map((activity) => pendingActivity(activity, now)),
    pendingTimers: [...state.timers.values()].map((timer) => ({
      number: timer.number,
      startedEventId: BigInt(timer.startedEventId),
      dueTimeMs: BigInt(timer.dueAt),
    })),
    pendingWorkflowTask: pendingTask
      ? {
          started: flight !== undefined,
          attempt: state.task.attempt,
          scheduledTime: toTimestamp(dueSince(state)),
          startedTime: flight === undefined ? undefined : toTimestamp(flight.startedAt),
          nextAttemptTime: flight === undefined && state.task.notBefore > now ? toTimestamp(state.task.notBefore) : undefined,
          workerIdentity: flight?.identity ?? '',
        }
      : undefined,
    blocked: blockedInfo(state),
    variables: state.variables,
    cancelRequested: state.cancelRequested,
    historyBytes: BigInt(state.historyBytes),
    notes,
    forked: state.forked === undefined ? undefined : forkInfo(state.forked),
    paused: state.paused === undefined ? undefined : { ...state.paused, since: toTimestamp(state.paused.since) },
    firstRunId: state.firstRunId,
    continuedFromRunId: state.chain?.continuedFrom ?? '',
    newRunId: state.newRunId,
    attempt: state.chain?.attempt ?? 1,
    retryPolicy: state.chain?.retryPolicy,
    cronSchedule: state.chain?.cronSchedule ?? '',
    pendingChildren: isOpen(state) ? [...(state.children?.values() ?? [])].map(pendingChild) : [],
    pendingExternals: [...(state.externals?.values() ?? [])].map(pendingExternal),
    parent: state.parent,
    root: state.root,
  };
}
