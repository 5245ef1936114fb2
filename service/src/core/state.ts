/**
 * The state of a run: the fold of its log, plus `live`, which only memory drives and no log holds. Plain data, changed in
 * place by its single owner and dropped when a commit fails.
 */
import type { ActivityOptions } from '@perdure/proto/perdure/api/v1/activity';
import type { ChildWorkflowScheduled, ParentClosePolicy } from '@perdure/proto/perdure/api/v1/child';
import type { Header, Payload, RetryPolicy, SearchAttributeValue, WorkflowExecution } from '@perdure/proto/perdure/api/v1/common';
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { Failure } from '@perdure/proto/perdure/api/v1/failure';
import type { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import type { UpdateRequest } from '@perdure/proto/perdure/api/v1/update';
import { type ParentWorkflow, WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import type { Chain, ChainInput } from './chain.ts';
import type { Effect } from './effects.ts';

export interface Identity {
  readonly namespaceId: string;
  readonly workflowId: string;
  readonly runId: string;
}

export interface AttemptRecord {
  attempt: number;
  time: number;
  failure: Failure | undefined;
}

/** What operators have done to an activity. */
export interface Operated {
  paused: { readonly at: number; readonly reason: string; readonly identity: string } | undefined;
  /** The options as scheduled, once they were changed. */
  original: ActivityOptions | undefined;
  /** Limits that count when the running attempt has ended. */
  nextLimits: { readonly startToCloseMs: number; readonly heartbeatMs: number } | undefined;
  /** The attempt after the running one is number 1. */
  resetRequested: boolean;
  /** Start numbers of attempts go on from here. */
  startBase: number;
}

/** An open activity. Times are ms since 1970, durations ms, 0 = none. */
export interface Activity {
  readonly number: number;
  readonly scheduledEventId: number;
  readonly scheduledAt: number;
  readonly activityId: string;
  readonly activityType: string;
  taskQueue: string;
  readonly input: Payload[];
  readonly header: Header | undefined;
  scheduleToCloseMs: number;
  scheduleToStartMs: number;
  startToCloseMs: number;
  heartbeatMs: number;
  retryPolicy: RetryPolicy | undefined;
  attempt: number;
  /** When the current attempt became, or becomes, due. */
  dueAt: number;
  /** 0 while not handed out. */
  startedAt: number;
  /** Count of hand-outs of this attempt. */
  startNumber: number;
  identity: string;
  workerId: string;
  claimId: string;
  heartbeatDetails: Payload | undefined;
  cancelRequested: boolean;
  failureCount: number;
  failures: AttemptRecord[];
  /** What operators have done to it; absent for nearly all. */
  operated?: Operated;
  /** Memory only; the last says that the details are newer than what the log holds. */
  live: { offered: boolean; heartbeatAt: number; heartbeatMarkedAt: number; detailsUnwritten: boolean };
}

export interface OpenTimer {
  readonly number: number;
  readonly startedEventId: number;
  readonly dueAt: number;
}

/** Names a step for ever: the run that first wrote its event, the event, and when that was. */
export interface StepName {
  readonly originRunId: string;
  readonly scheduledEventId: number;
  readonly scheduledAt: number;
}

/** An open child. */
export interface Child extends StepName {
  readonly number: number;
  readonly workflowId: string;
  readonly workflowType: string;
  readonly parentClosePolicy: ParentClosePolicy;
  /** What to start, until that has been answered. */
  request: ChildWorkflowScheduled | undefined;
  /** The first run of its chain; '' until its start has been answered. */
  runId: string;
  cancelRequested: boolean;
}

/** A signal or cancel request to another workflow that has not been answered. */
export interface ExternalRequest extends StepName {
  readonly kind: 'signal' | 'cancel';
  readonly number: number;
  /** 0: any workflow, by its id. */
  readonly childNumber: number;
  readonly child: StepName | undefined;
  /** '' for a child that has ended. */
  readonly workflowId: string;
  readonly runId: string;
  readonly signalName: string;
  readonly input: Payload[];
  readonly header: Header | undefined;
  readonly reason: string;
}

/** A workflow task at a worker. Memory only: after a takeover it is simply given out again. */
export interface Flight {
  readonly nonce: string;
  readonly claimId: string;
  readonly base: number;
  readonly seen: number;
  readonly startedAt: number;
  readonly historyBytes: number;
  readonly suggested: boolean;
  deadline: number;
  /** The task shows the code something new. */
  readonly news: boolean;
  /** Those the task asks, in order. */
  readonly updates: readonly UpdateRequest[];
  readonly workerId: string;
  readonly identity: string;
  readonly buildId: string;
}

/** An update that the code has taken; 0 while its handler runs. */
export interface TakenUpdate {
  readonly acceptedEventId: number;
  completedEventId: number;
}

export interface TaskState {
  /** Id of the last WorkflowTaskCompleted, 0 if there is none. */
  base: number;
  /** What that task had seen. */
  seen: number;
  /** Id of the last event that an activation delivers. */
  lastDelivered: number;
  /** Id of the last signal or cancel request. */
  lastInput: number;
  /** Attempt of the open or next task; 1 unless earlier ones failed. */
  attempt: number;
  /** Not given out before this time (start delay, back-off). */
  notBefore: number;
  /** When the open task became due. */
  dueSince: number;
  failure: Failure | undefined;
  cause: WorkflowTaskFailureCause;
  failedAt: number;
  /** When the run became blocked; 0 while it is not. */
  blockedSince: number;
  /** Process that may hold the run in its cache. */
  stickyWorkerId: string;
  buildId: string;
}

export interface RunState {
  readonly identity: Identity;
  status: WorkflowStatus;
  workflowType: string;
  taskQueue: string;
  startedAt: number;
  closedAt: number;
  runTimeoutMs: number;
  executionTimeoutMs: number;
  taskTimeoutMs: number;
  /** When the run timeout ends; 0 = never. */
  runDeadline: number;
  executionDeadline: number;
  nextEventId: number;
  lastEventAt: number;
  historyBytes: number;
  memo: Record<string, Payload>;
  searchAttributes: Record<string, SearchAttributeValue>;
  variables: Record<string, Payload>;
  cancelRequested: boolean;
  /** The run this one was copied from, last of all, and where it left it. */
  forked: { readonly baseRunId: string; readonly eventId: number; readonly time: number; readonly reason: string } | undefined;
  /** The run is not kept: nobody sees it any more. */
  deleting?: true;
  /** Set while an operator holds the run. */
  paused: { readonly since: number; readonly reason: string; readonly identity: string } | undefined;
  signals: number;
  /** Request ids taken by this run, with their times: oldest first. */
  requestIds: Map<string, number>;
  task: TaskState;
  activities: Map<number, Activity>;
  timers: Map<number, OpenTimer>;
  /** Updates by id; absent in runs that took none. */
  updates: Map<string, TakenUpdate> | undefined;
  /** Updates that a fork asks again, until they are decided. */
  admitted: Map<string, UpdateRequest> | undefined;
  /** Highest step numbers the code has used. */
  lastActivity: number;
  lastTimer: number;
  /** Steps named from here on carry this run's id: a fork keeps the names of what it has copied. */
  originRunId: string;
  parent: ParentWorkflow | undefined;
  root: WorkflowExecution | undefined;
  lastChild: number;
  lastExternal: number;
  /** Made when the first is scheduled. */
  children: Map<number, Child> | undefined;
  externals: Map<number, ExternalRequest> | undefined;
  /** By the id of the event that asked for it, in the order of delivery. */
  effects: Map<number, Effect> | undefined;
  closeEvent: HistoryEvent | undefined;
  /** First run of the chain: this run's own id unless it continues another. */
  firstRunId: string;
  /** The run that was started in the commit that closed this one, or ''. */
  newRunId: string;
  /** Closed by a reset: the last event that run has copied. */
  adoptedUpTo: number | undefined;
  /** When the start delay ends. */
  beginsAt: number;
  header: Header | undefined;
  chain: Chain | undefined;
  /** Signals and cancel requests that no completed task has seen; undefined when none has come since the last one. */
  unseen: { readonly id: number; readonly input: ChainInput }[] | undefined;
  live: {
    flight: Flight | undefined;
    /** A reference to the open task has been given to matching. */
    taskOffered: boolean;
    /** A close was refused for unseen events and the task after it has not ended: new inputs wait (replay rule Closing). */
    closeRefused: boolean;
    /** The worker asked for another task: no event shows it, so it stands until that task is completed. */
    forceTask: boolean;
    /** A new worker came while the task was out: should it fail, the next attempt follows at once. */
    newWorker: boolean;
    /** The last accepted completion, to answer its retry. */
    lastAccepted: { nonce: string; completedEventId: number } | undefined;
    /** Deadlines that depend on a worker's sign of life count from here at the earliest: when the slot was claimed. */
    claimedAt: number;
    /** Signs of life before it are not known: when the run was read, `claimedAt` at the earliest. */
    loadedAt: number;
    waitingForHandlers: boolean;
    /** Effects have been asked for that are not on their way yet. */
    effectsWaiting: boolean;
    /** Updates that the code has not decided on, in order of arrival; absent when there are none. */
    updates: Map<string, { readonly request: UpdateRequest; readonly bytes: number; readonly since: number }> | undefined;
    /** When the run has to be stepped next: nextDue(state) as of the last step; 0 before the first. */
    nextDue: number;
  };
}

/** The state before the first event. */
export function emptyState(identity: Identity, claimedAt: number): RunState {
  return {
    identity,
    status: WorkflowStatus.UNSPECIFIED,
    workflowType: '',
    taskQueue: '',
    startedAt: 0,
    closedAt: 0,
    runTimeoutMs: 0,
    executionTimeoutMs: 0,
    taskTimeoutMs: 0,
    runDeadline: 0,
    executionDeadline: 0,
    nextEventId: 1,
    lastEventAt: 0,
    historyBytes: 0,
    memo: {},
    searchAttributes: {},
    variables: {},
    cancelRequested: false,
    forked: undefined,
    paused: undefined,
    signals: 0,
    requestIds: new Map(),
    task: {
      base: 0,
      seen: 0,
      lastDelivered: 0,
      lastInput: 0,
      attempt: 1,
      notBefore: 0,
      dueSince: 0,
      failure: undefined,
      cause: 0,
      failedAt: 0,
      blockedSince: 0,
      stickyWorkerId: '',
      buildId: '',
    },
    activities: new Map(),
    timers: new Map(),
    updates: undefined,
    admitted: undefined,
    lastActivity: 0,
    lastTimer: 0,
    originRunId: identity.runId,
    parent: undefined,
    root: undefined,
    lastChild: 0,
    lastExternal: 0,
    children: undefined,
    externals: undefined,
    effects: undefined,
    closeEvent: undefined,
    firstRunId: '',
    newRunId: '',
    adoptedUpTo: undefined,
    beginsAt: 0,
    header: undefined,
    chain: undefined,
    unseen: undefined,
    live: emptyLive(claimedAt),
  };
}

export function emptyLive(claimedAt: number): RunState['live'] {
  return {
    flight: undefined,
    taskOffered: false,
    closeRefused: false,
    forceTask: false,
    newWorker: false,
    lastAccepted: undefined,
    claimedAt,
    loadedAt: claimedAt,
    waitingForHandlers: false,
    effectsWaiting: true,
    updates: undefined,
    nextDue: 0,
  };
}

export function isOpen(state: RunState): boolean {
  return state.status === WorkflowStatus.RUNNING;
}
