/**
 * The interfaces by which roles know each other. In one process they are called as functions; between processes the
 * internal services carry the same calls.
 */
import type { ActivityOptions, ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import type { Header, Payload, WorkerInfo } from '@perdure/proto/perdure/api/v1/common';
import type { Failure } from '@perdure/proto/perdure/api/v1/failure';
import type { QueryResult } from '@perdure/proto/perdure/api/v1/query';
import type { WorkflowTask, WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import type { UpdateStage } from '@perdure/proto/perdure/api/v1/update';
import type { WorkflowTaskCompletion, WorkflowTaskResult } from '@perdure/proto/perdure/api/v1/worker_service';
import type {
  DescribeActivityResponse,
  DescribeWorkflowResponse,
  GetWorkflowHistoryResponse,
  QueryRejectCondition,
  UpdateOutcome,
  WorkflowResult,
} from '@perdure/proto/perdure/api/v1/workflow_service';
import type { ActivityTaskToken, WorkflowTaskToken } from '@perdure/proto/perdure/server/v1/token';
import type { HeartbeatAnswer } from './core/activity-attempts.ts';
import type { ActivityChange } from './core/activity-operators.ts';
import type { ChildNotice } from './core/child.ts';
import type { DeleteInput } from './core/deletion.ts';
import type { AttemptEnd } from './core/follow-up.ts';
import type { ForkWishes } from './core/fork-plan.ts';
import type { SignalInput, StartInput, TerminateInput, UpdateInput } from './core/inputs.ts';
import type { PauseInput } from './core/pause.ts';

export type { ActivityChange, ChildNotice, PauseInput, SignalInput, StartInput, TerminateInput, UpdateInput };

/** A run as clients name it; an empty run id means the open run, else the newest closed one. */
export interface RunRef {
  readonly namespaceId: string;
  readonly workflowId: string;
  readonly runId: string;
  /** Only a run of the chain that began with this one is meant. */
  readonly firstRunId?: string;
}

export interface StartAnswer {
  readonly runId: string;
  readonly started: boolean;
}

/** What a reset asks for. */
export interface ResetInput extends ForkWishes {
  readonly reason: string;
  readonly identity: string;
  readonly requestId: string;
}

export interface ForkAnswer {
  readonly runId: string;
  readonly baseRunId: string;
  /** The last event of the copy. */
  readonly keptEventId: number;
}

export interface QueryInput {
  readonly queryType: string;
  readonly args: Payload[];
  readonly header: Header | undefined;
  /** A run that has been continued passes the question on. */
  readonly followRuns: boolean;
  readonly rejectCondition: QueryRejectCondition;
}

/** How long a caller waits for an update, and for what. */
export interface UpdateWait {
  /** ACCEPTED or COMPLETED. */
  readonly stage: UpdateStage;
  readonly waitMs: number;
  readonly abort: AbortSignal;
}

export interface UpdateAnswer {
  readonly runId: string;
  readonly stage: UpdateStage;
  /** Present at COMPLETED. */
  readonly outcome: UpdateOutcome | undefined;
}

export type QueryAnswer = NonNullable<QueryResult['outcome']>;

/** A workflow task completion with its verified token. */
export interface VerifiedCompletion {
  readonly token: WorkflowTaskToken;
  readonly completion: WorkflowTaskCompletion;
}

/** An open activity as clients name it. */
export type ActivityRef = RunRef & { readonly activityId: string };

/** What a report is about: the attempt of a verified token, or an activity by its names. */
export type ActivityAddress = ActivityTaskToken | ActivityRef;

/** The end of an attempt with its verified token, or of an activity by its names. */
export type VerifiedEnd = Omit<AttemptEnd, 'worker' | 'token'> & { readonly token: ActivityAddress };

export interface EagerRoom {
  /** How many activity tasks the worker would take in the answer. */
  readonly slots: number;
  readonly queues: readonly string[];
}

/** Tasks given out outside of a poll. */
export interface CompletionAnswer {
  readonly results: WorkflowTaskResult[];
  readonly answerId: string;
  readonly activityTasks: ActivityTask[];
}

/** One entry per end, in order; the follow-up's result is undefined when there was none. */
export interface EndAnswer {
  readonly ends: readonly { readonly error: PerdureErrorLike | undefined; readonly followUp: WorkflowTaskResult | undefined }[];
  readonly answerId: string;
  readonly activityTasks: ActivityTask[];
}

/** A reference to a task: all that matching knows of it. */
export interface TaskRef {
  readonly kind: 'workflow' | 'activity';
  readonly namespaceId: string;
  readonly queue: string;
  readonly workflowId: string;
  readonly runId: string;
  /** The activity's number; 0 for workflow tasks. */
  readonly number: number;
  /** Attempt of the activity; for workflow tasks a count that grows with each offer. */
  readonly attempt: number;
  /** When it became due, ms since 1970: older first. */
  readonly dueAt: number;
  /** Worker that holds the run in its cache, or ''. */
  readonly stickyWorkerId: string;
}

/** Matching hands a reference to a worker: may it? */
export interface TaskClaim {
  readonly ref: TaskRef;
  /** The same id gets the same answer again. */
  readonly claimId: string;
  readonly worker: WorkerInfo;
  /** The namespace's name, for the task's text. */
  readonly namespace: string;
}

export type ClaimAnswer =
  | { readonly kind: 'workflow'; readonly task: WorkflowTask }
  | { readonly kind: 'activity'; readonly task: ActivityTask }
  /** Finished, timed out or given out otherwise: forget the reference. */
  | { readonly kind: 'gone' }
  /** Cannot be told now (node not serving, run being loaded): history offers again by itself. */
  | { readonly kind: 'later' };

/** Owner of the runs. Every method rejects with PerdureError only. */
export interface HistoryRole {
  startWorkflow(input: StartInput): Promise<StartAnswer>;
  signalWorkflow(ref: RunRef, input: SignalInput): Promise<{ runId: string }>;
  /** `started` is true for the run of this request, also when it is repeated. */
  signalWithStartWorkflow(input: StartInput & { readonly signal: SignalInput }): Promise<StartAnswer>;
  /** Resolves at the stage wanted, or with the one reached when the wait is over. */
  updateWorkflow(ref: RunRef, input: UpdateInput, wait: UpdateWait): Promise<UpdateAnswer>;
  updateWithStartWorkflow(input: StartInput & { readonly update: UpdateInput }, wait: UpdateWait): Promise<UpdateAnswer & StartAnswer>;
  awaitUpdate(ref: RunRef, updateId: string, wait: UpdateWait): Promise<UpdateAnswer>;
  /** Rejects with QUERY_UNANSWERED after `waitMs`. */
  queryWorkflow(ref: RunRef, input: QueryInput, waitMs: number): Promise<QueryAnswer>;
  requestCancelWorkflow(ref: RunRef, input: { reason: string; identity: string; requestId: string }): Promise<void>;
  terminateWorkflow(ref: RunRef, input: TerminateInput): Promise<void>;
  /** Answers an empty run id when there is no such run. */
  deleteWorkflow(ref: RunRef, input: DeleteInput): Promise<{ runId: string }>;
  pauseWorkflow(ref: RunRef, input: PauseInput): Promise<{ runId: string }>;
  resumeWorkflow(ref: RunRef, input: PauseInput): Promise<{ runId: string }>;
  /** From the owner of a child whose chain has ended: its parent hears of it. Told again, it changes nothing. */
  childClosed(parent: RunRef, notice: ChildNotice): Promise<void>;
  resetWorkflow(ref: RunRef, input: ResetInput): Promise<ForkAnswer>;
  describeWorkflow(ref: RunRef): Promise<DescribeWorkflowResponse>;
  describeActivity(ref: ActivityRef): Promise<DescribeActivityResponse>;
  /** What an operator asks for. Answers with the options from then on. */
  changeActivity(ref: ActivityRef, change: ActivityChange): Promise<{ runId: string; options: ActivityOptions }>;
  getHistory(
    ref: RunRef,
    range: { from: number; to: number; maxBytes: number; waitMs: number },
    abort: AbortSignal,
  ): Promise<GetWorkflowHistoryResponse>;
  /** Resolves as soon as at least one run (or, unless `thisRunOnly`, its chain) has closed or is refused, else with [] after `waitMs`. */
  awaitResults(refs: readonly RunRef[], options: { waitMs: number; thisRunOnly: boolean }, abort: AbortSignal): Promise<WorkflowResult[]>;

  /** From matching: one answer per claim, in order. */
  claimTasks(claims: readonly TaskClaim[]): Promise<ClaimAnswer[]>;
  /** From matching: the answer that carried these claims was not received; offer the tasks again. */
  undoClaims(claims: readonly TaskClaim[]): void;
  /** From matching: this queue has room for `count` more references. */
  wantTasks(kind: TaskRef['kind'], namespaceId: string, queue: string, count: number): void;
  /** From matching: this worker process polls the queue's workflow tasks for the first time. Runs whose task failed try again. */
  newWorker(namespaceId: string, queue: string, workerId: string): void;

  completeWorkflowTasks(
    namespace: string,
    items: readonly VerifiedCompletion[],
    worker: WorkerInfo,
    eager: EagerRoom,
  ): Promise<CompletionAnswer>;
  failWorkflowTasks(
    items: readonly { token: WorkflowTaskToken; cause: WorkflowTaskFailureCause; failure: Failure | undefined }[],
    worker: WorkerInfo,
  ): Promise<(PerdureErrorLike | undefined)[]>;
  completeQueries(
    items: readonly {
      token: WorkflowTaskToken;
      results: readonly QueryResult[];
      cause: WorkflowTaskFailureCause;
      failure: Failure | undefined;
    }[],
    worker: WorkerInfo,
  ): Promise<(PerdureErrorLike | undefined)[]>;
  completeActivities(namespace: string, items: readonly VerifiedEnd[], worker: WorkerInfo, eager: EagerRoom): Promise<EndAnswer>;
  heartbeatActivities(
    items: readonly { token: ActivityAddress; details: Payload | undefined }[],
    worker: WorkerInfo,
  ): Promise<{ answer: HeartbeatAnswer | undefined; error: PerdureErrorLike | undefined }[]>;
  returnTasks(
    items: readonly { workflow?: WorkflowTaskToken; activity?: ActivityTaskToken; begun: boolean }[],
    worker: WorkerInfo,
  ): Promise<void>;
}

/** What the rpc layer turns into an ItemError. */
export type PerdureErrorLike = Error;

export interface PollInput {
  readonly namespaceId: string;
  readonly namespace: string;
  readonly queue: string;
  readonly worker: WorkerInfo;
  readonly maxTasks: number;
  readonly waitMs: number;
  readonly stickyOnly: boolean;
}

export interface QueueState {
  /** Polls waiting now. */
  readonly pollers: number;
  /** When a poll began or ended last, ms since 1970; 0 if there was none. */
  readonly lastPollAt: number;
  readonly backlog: number;
}

/** Brings tasks and polls together; holds nothing that cannot be derived from the runs. */
export interface MatchingRole {
  /** Takes references in order; returns how many of them it had room for. History keeps the rest until `wantTasks`. */
  offer(refs: readonly TaskRef[]): number;
  pollWorkflowTasks(poll: PollInput, abort: AbortSignal): Promise<{ answerId: string; tasks: WorkflowTask[] }>;
  pollActivityTasks(poll: PollInput, abort: AbortSignal): Promise<{ answerId: string; tasks: ActivityTask[] }>;
  /** Registers tasks given out in a completion's answer, so that they are undone when not received. */
  track(claims: readonly TaskClaim[]): string;
  /** Names answers that arrived at the worker. */
  received(answerIds: readonly string[]): void;
  /** The answer could not be delivered: undo its claims at once. */
  undelivered(answerId: string): void;
  /** True while a poll of this worker waits or was answered less than 2 s ago and it has not shut down. */
  isStickyLive(namespaceId: string, queue: string, workerId: string): boolean;
  shutdownWorker(namespaceId: string, queue: string, workerId: string): void;
  describeQueue(kind: TaskRef['kind'], namespaceId: string, queue: string): QueueState;
}
