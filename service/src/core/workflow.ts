/**
 * Workflow: the run itself.
 *
 * | state   | start          | complete / fail / cancel command     | terminate  | run or execution timeout | cancel request           |
 * |---------|----------------|--------------------------------------|------------|--------------------------|--------------------------|
 * | (none)  | Started → open | –                                    | –          | –                        | –                        |
 * | open    | –              | Completed / Failed / Canceled → closed; UNSEEN_EVENTS when a signal or cancel request lies after what the task saw | Terminated → closed | TimedOut → closed | CancelRequested (once) |
 * | closed  | –              | STALE_TASK                           | WORKFLOW_CLOSED | –                   | OK, nothing              |
 */
import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import { TimeoutType } from '@perdure/proto/perdure/api/v1/failure';
import { WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import { PerdureError } from '../errors.ts';
import type { CommandRules, EventFolds, Head, MarkFolds } from './concepts.ts';
import { deliver } from './concepts.ts';
import type { StartInput } from './inputs.ts';
import { checkProperties, mergeMemo, mergeSearchAttributes, REMOVED } from './properties.ts';
import { rememberRequest } from './requests.ts';
import { closed } from './signal.ts';
import { isOpen, type RunState } from './state.ts';
import { fromDuration, toDuration } from './time.ts';
import { record, type Transition } from './transition.ts';

type WorkflowEvents =
  | 'workflowStarted'
  | 'workflowCompleted'
  | 'workflowFailed'
  | 'workflowTimedOut'
  | 'workflowCanceled'
  | 'workflowTerminated'
  | 'workflowCancelRequested'
  | 'workflowPropertiesUpserted';

export const workflowFolds: EventFolds<WorkflowEvents> = {
  workflowStarted(state, value, head) {
    state.status = WorkflowStatus.RUNNING;
    state.workflowType = value.workflowType;
    state.taskQueue = value.taskQueue;
    state.startedAt = head.time;
    state.runTimeoutMs = fromDuration(value.runTimeout);
    state.executionTimeoutMs = fromDuration(value.executionTimeout);
    state.taskTimeoutMs = fromDuration(value.taskTimeout);
    const begins = head.time + fromDuration(value.startDelay);
    state.runDeadline = state.runTimeoutMs > 0 ? begins + state.runTimeoutMs : 0;
    state.executionDeadline = state.executionTimeoutMs > 0 ? head.time + state.executionTimeoutMs : 0;
    state.task.notBefore = begins;
    state.memo = { ...value.memo };
    state.searchAttributes = { ...value.searchAttributes };
    deliver(state, head);
  },
  workflowCompleted: (state, _value, head) => close(state, WorkflowStatus.COMPLETED, head),
  workflowFailed: (state, _value, head) => close(state, WorkflowStatus.FAILED, head),
  workflowTimedOut: (state, _value, head) => close(state, WorkflowStatus.TIMED_OUT, head),
  workflowCanceled: (state, _value, head) => close(state, WorkflowStatus.CANCELED, head),
  workflowTerminated: (state, _value, head) => close(state, WorkflowStatus.TERMINATED, head),
  workflowCancelRequested(state, value, head) {
    state.cancelRequested = true;
    rememberRequest(state, value.requestId, head.time);
    state.task.lastInput = head.id;
    deliver(state, head);
  },
  workflowPropertiesUpserted(state, value) {
    // New objects: who showed the old ones sees that they changed.
    state.memo = mergeMemo(state.memo, value.memo);
    state.searchAttributes = mergeSearchAttributes(state.searchAttributes, value.searchAttributes);
  },
};

export const workflowMarks: MarkFolds<'variablesSet'> = {
  variablesSet(state, value) {
    for (const [name, payload] of Object.entries(value.variables)) {
      if (payload.encoding === REMOVED) delete state.variables[name];
      else state.variables[name] = payload;
    }
  },
};

function close(state: RunState, status: WorkflowStatus, head: Head): void {
  state.status = status;
  state.closedAt = head.time;
  state.closeEvent = head.event;
  state.paused = undefined;
  state.activities.clear();
  state.timers.clear();
  state.live.flight = undefined;
  state.live.forceTask = false;
  state.live.closeRefused = false;
}

export const workflowCommands: CommandRules<'completeWorkflow' | 'failWorkflow' | 'cancelWorkflow' | 'upsertProperties'> = {
  completeWorkflow: {
    closing: true,
    check() {},
    apply(t, value, completedEventId) {
      record(t, { $case: 'workflowCompleted', value: { completedEventId, result: value.result } });
    },
  },
  failWorkflow: {
    closing: true,
    check(_context, value) {
      if (value.failure === undefined) throw new PerdureError('BAD_COMMAND', 'failWorkflow.failure: is required');
    },
    apply(t, value, completedEventId) {
      record(t, { $case: 'workflowFailed', value: { completedEventId, failure: value.failure } });
    },
  },
  cancelWorkflow: {
    closing: true,
    check(context) {
      if (!context.state.cancelRequested) throw new PerdureError('BAD_COMMAND', 'cancelWorkflow: nobody asked the run to cancel');
    },
    apply(t, value, completedEventId) {
      record(t, { $case: 'workflowCanceled', value: { completedEventId, details: value.details } });
    },
  },
  upsertProperties: {
    check(context, value) {
      context.memo = mergeMemo(context.memo, value.memo);
      context.searchAttributes = mergeSearchAttributes(context.searchAttributes, value.searchAttributes);
      checkProperties(context.memo, context.searchAttributes);
    },
    apply(t, value, completedEventId) {
      record(t, { $case: 'workflowPropertiesUpserted', value: { completedEventId, ...value } });
    },
  },
};

/** The first event of a run whose state is empty. */
export function start(t: Transition, input: StartInput): void {
  const { workflowId, runId } = t.state.identity;
  record(t, {
    $case: 'workflowStarted',
    value: {
      workflowId,
      runId,
      workflowType: input.workflowType,
      taskQueue: input.taskQueue,
      input: input.input,
      header: input.header,
      randomSeed: t.env.newId(),
      requestId: input.requestId,
      identity: input.identity,
      runTimeout: toDuration(input.runTimeoutMs),
      executionTimeout: toDuration(input.executionTimeoutMs),
      taskTimeout: toDuration(input.taskTimeoutMs),
      startDelay: toDuration(input.startDelayMs),
      memo: input.memo,
      searchAttributes: input.searchAttributes,
      retryPolicy: undefined,
      attempt: 1,
      firstRunId: runId,
    },
  });
}

/** Records a cancel request, once per run. */
export function requestCancel(t: Transition, input: { reason: string; identity: string; requestId: string }): void {
  if (!isOpen(t.state) || t.state.cancelRequested) return;
  record(t, { $case: 'workflowCancelRequested', value: input });
}

/** Ends the run at once. Throws WORKFLOW_CLOSED. */
export function terminate(t: Transition, input: { reason: string; details: Payload[]; identity: string }): void {
  if (!isOpen(t.state)) throw closed(t.state);
  record(t, { $case: 'workflowTerminated', value: input });
}

/** Closes the run when its run or execution timeout has passed. */
export function dueWorkflow(t: Transition): void {
  const { state, env } = t;
  const timeoutType =
    state.executionDeadline > 0 && state.executionDeadline <= env.now
      ? TimeoutType.EXECUTION
      : state.runDeadline > 0 && state.runDeadline <= env.now
        ? TimeoutType.RUN
        : undefined;
  if (timeoutType !== undefined) record(t, { $case: 'workflowTimedOut', value: { timeoutType } });
}
