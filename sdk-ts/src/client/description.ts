/** Runs as describe and list show them: plain values instead of messages of the protocol. */

import type { Timestamp } from '@perdure/proto/google/protobuf/timestamp';
import { type PendingActivity, PendingActivityState } from '@perdure/proto/perdure/api/v1/activity';
import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import { WorkflowStatus, type WorkflowSummary } from '@perdure/proto/perdure/api/v1/workflow';
import type { DescribeWorkflowResponse } from '@perdure/proto/perdure/api/v1/workflow_service';
import { protoToMs, timestampToMs } from '../common/duration.ts';
import { failureToError } from '../common/failure.ts';
import { decodeValue, type PayloadConverter } from '../common/payload-converter.ts';
import { fromSearchAttributeValue, type SearchAttribute } from '../common/search-attribute.ts';

/** Where a run stands; the same words as in filters. */
export type WorkflowStatusName =
  | 'Running'
  | 'Completed'
  | 'Failed'
  | 'Canceled'
  | 'Terminated'
  | 'TimedOut'
  | 'ContinuedAsNew'
  | 'Paused'
  | 'Unknown';

/** A run in a list. */
export interface WorkflowListEntry {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
  readonly taskQueue: string;
  readonly status: WorkflowStatusName;
  readonly startTime: Date | undefined;
  /** Undefined while the run is open. */
  readonly closeTime: Date | undefined;
  /** Events. */
  readonly historyLength: number;
  /** Why the run does not get on; '' if it does. */
  readonly blockedCause: string;
  readonly memo: Readonly<Record<string, unknown>>;
  readonly searchAttributes: Readonly<Record<string, SearchAttribute | undefined>>;
}

/** The committed state of a run. */
export interface WorkflowDescription extends WorkflowListEntry {
  /** Bytes of the log. */
  readonly historyBytes: number;
  readonly cancelRequested: boolean;
  /** The first run of the chain: this one unless it continues another. */
  readonly firstRunId: string;
  readonly continuedFromRunId: string | undefined;
  /** The run that continues this one. */
  readonly newRunId: string | undefined;
  /** 1, 2, … of the workflow's own retry policy. */
  readonly attempt: number;
  readonly cronSchedule: string | undefined;
  /** Ms; undefined without the limit. */
  readonly runTimeout: number | undefined;
  /** Ms; undefined without the limit. */
  readonly executionTimeout: number | undefined;
  readonly pendingActivities: readonly PendingActivityDescription[];
  readonly pendingTimers: readonly { readonly number: number; readonly dueTime: Date }[];
  /** Why the run does not get on. */
  readonly blocked:
    | { readonly cause: string; readonly since: Date | undefined; readonly attempt: number; readonly failure: Error | undefined }
    | undefined;
  /** The run this one was copied from, by a reset. */
  readonly forked: { readonly baseRunId: string; readonly eventId: number; readonly reason: string } | undefined;
  /** Set while an operator holds the run. */
  readonly paused: { readonly since: Date | undefined; readonly reason: string; readonly identity: string } | undefined;
  /** Values the code set with setVar. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** Hints for a person, for example that no worker polls the task queue. */
  readonly notes: readonly string[];
  /** The answer as it came. */
  readonly raw: DescribeWorkflowResponse;
}

/** An open activity. */
export interface PendingActivityDescription {
  readonly activityId: string;
  readonly type: string;
  readonly state: 'scheduled' | 'started' | 'backingOff' | 'cancelRequested' | 'paused' | 'unknown';
  readonly attempt: number;
  readonly taskQueue: string;
  readonly scheduledTime: Date | undefined;
  readonly lastStartedTime: Date | undefined;
  readonly nextAttemptTime: Date | undefined;
  readonly lastHeartbeatTime: Date | undefined;
  readonly heartbeatDetails: unknown;
  readonly lastWorkerIdentity: string;
  /** Failed attempts in all. */
  readonly failureCount: number;
  /** The first and the last 10 of them. */
  readonly failures: readonly { readonly attempt: number; readonly time: Date | undefined; readonly failure: Error | undefined }[];
}

const STATUS: Readonly<Record<number, WorkflowStatusName>> = {
  [WorkflowStatus.RUNNING]: 'Running',
  [WorkflowStatus.COMPLETED]: 'Completed',
  [WorkflowStatus.FAILED]: 'Failed',
  [WorkflowStatus.CANCELED]: 'Canceled',
  [WorkflowStatus.TERMINATED]: 'Terminated',
  [WorkflowStatus.TIMED_OUT]: 'TimedOut',
  [WorkflowStatus.PAUSED]: 'Paused',
  [WorkflowStatus.CONTINUED_AS_NEW]: 'ContinuedAsNew',
};
const ACTIVITY_STATE: Readonly<Record<number, PendingActivityDescription['state']>> = {
  [PendingActivityState.SCHEDULED]: 'scheduled',
  [PendingActivityState.STARTED]: 'started',
  [PendingActivityState.BACKING_OFF]: 'backingOff',
  [PendingActivityState.CANCEL_REQUESTED]: 'cancelRequested',
  [PendingActivityState.PAUSED]: 'paused',
};

/** A run of a list, readable. */
export function listEntryOf(summary: WorkflowSummary, converter: PayloadConverter): WorkflowListEntry {
  const attributes = Object.entries(summary.searchAttributes).map(([key, value]) => [key, fromSearchAttributeValue(value)] as const);
  return {
    workflowId: summary.execution?.workflowId ?? '',
    runId: summary.execution?.runId ?? '',
    type: summary.workflowType,
    taskQueue: summary.taskQueue,
    status: STATUS[summary.status] ?? 'Unknown',
    startTime: dateOf(summary.startTime),
    closeTime: dateOf(summary.closeTime),
    historyLength: Number(summary.historyLength),
    blockedCause: summary.blockedCause,
    memo: valuesOf(converter, summary.memo, 'memo'),
    searchAttributes: Object.fromEntries(attributes),
  };
}

/** The answer of describe, readable. */
export function descriptionOf(response: DescribeWorkflowResponse, converter: PayloadConverter): WorkflowDescription {
  if (!response.summary) throw new Error('the service described a run without a summary');
  const { blocked } = response;
  return {
    ...listEntryOf(response.summary, converter),
    historyBytes: Number(response.historyBytes),
    cancelRequested: response.cancelRequested,
    runTimeout: protoToMs(response.runTimeout) || undefined,
    executionTimeout: protoToMs(response.executionTimeout) || undefined,
    pendingActivities: response.pendingActivities.map((activity) => activityOf(activity, converter)),
    pendingTimers: response.pendingTimers.map((timer) => ({ number: timer.number, dueTime: new Date(Number(timer.dueTimeMs)) })),
    blocked: blocked && {
      cause: blocked.cause,
      since: dateOf(blocked.since),
      attempt: blocked.attempt,
      failure: blocked.failure && failureToError(blocked.failure, converter),
    },
    forked: response.forked && {
      baseRunId: response.forked.baseRunId,
      eventId: Number(response.forked.eventId),
      reason: response.forked.reason,
    },
    paused: response.paused && { since: dateOf(response.paused.since), reason: response.paused.reason, identity: response.paused.identity },
    variables: valuesOf(converter, response.variables, 'variables'),
    firstRunId: response.firstRunId,
    continuedFromRunId: response.continuedFromRunId || undefined,
    newRunId: response.newRunId || undefined,
    attempt: response.attempt,
    cronSchedule: response.cronSchedule || undefined,
    notes: response.notes,
    raw: response,
  };
}

function activityOf(activity: PendingActivity, converter: PayloadConverter): PendingActivityDescription {
  const { activityId, activityType: type, attempt, taskQueue, lastWorkerIdentity, failureCount } = activity;
  return {
    activityId,
    type,
    attempt,
    taskQueue,
    lastWorkerIdentity,
    failureCount,
    state: ACTIVITY_STATE[activity.state] ?? 'unknown',
    scheduledTime: dateOf(activity.scheduledTime),
    lastStartedTime: dateOf(activity.lastStartedTime),
    nextAttemptTime: dateOf(activity.nextAttemptTime),
    lastHeartbeatTime: dateOf(activity.lastHeartbeatTime),
    heartbeatDetails: readable(converter, activity.heartbeatDetails, 'heartbeat details'),
    failures: activity.failures.map(({ attempt: number, time, failure }) => ({
      attempt: number,
      time: dateOf(time),
      failure: failure && failureToError(failure, converter),
    })),
  };
}

function valuesOf(converter: PayloadConverter, payloads: Readonly<Record<string, Payload>>, what: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(payloads).map(([key, payload]) => [key, readable(converter, payload, `${what}.${key}`)]));
}

/** A value that cannot be read must not hide the rest: the error stands in its place. */
function readable(converter: PayloadConverter, payload: Payload | undefined, what: string): unknown {
  try {
    return decodeValue(converter, payload, what);
  } catch (error) {
    return error;
  }
}

function dateOf(time: Timestamp | undefined): Date | undefined {
  return time && new Date(timestampToMs(time));
}
