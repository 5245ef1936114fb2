/**
 * Workflow: the run itself.
 *
 * | state   | start          | complete / fail / cancel command     | terminate  | run or execution timeout | cancel request           |
 * |---------|----------------|--------------------------------------|------------|--------------------------|--------------------------|
 * | (none)  | Started → open | –                                    | –          | –                        | –                        |
 * | open    | –              | Completed / Failed / Canceled → closed; UNSEEN_EVENTS when a signal or cancel request lies after what the task saw | Terminated → closed | TimedOut → closed | CancelRequested (once) |
 * | closed  | –              | STALE_TASK                           | WORKFLOW_CLOSED | –                   | OK, nothing              |
 */
import { type Failure, RetryState, TimeoutType } from '@perdure/proto/perdure/api/v1/failure';
import { WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import { PerdureError } from '../errors.ts';
import { foldChain, followUpOn, timedOut } from './chain.ts';
import type { CheckContext, CommandRules, CommandValue, EventFolds, Head, MarkFolds } from './concepts.ts';
import { deliver } from './concepts.ts';
import { nextTime, parseCron } from './cron.ts';
import { closeEffects } from './effects.ts';
import { closeExternals } from './external.ts';
import type { StartInput, TerminateInput } from './inputs.ts';
import { MAX_EVENT_PAYLOAD_BYTES } from './limits.ts';
import { checkProperties, mergeMemo, mergeSearchAttributes, REMOVED } from './properties.ts';
import { rememberRequest } from './requests.ts';
import { closed, noteUnseen } from './signal.ts';
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
  | 'workflowPropertiesUpserted'
  | 'workflowContinuedAsNew';

export const workflowFolds: EventFolds<WorkflowEvents> = {
  workflowStarted(state, value, head) {
    state.status = WorkflowStatus.RUNNING;
    state.workflowType = value.workflowType;
    state.taskQueue = value.taskQueue;
    state.startedAt = head.time;
    state.runTimeoutMs = fromDuration(value.runTimeout);
    state.executionTimeoutMs = fromDuration(value.executionTimeout);
    state.taskTimeoutMs = fromDuration(value.taskTimeout);
    foldChain(state, value, head);
    state.runDeadline = state.runTimeoutMs > 0 ? state.beginsAt + state.runTimeoutMs : 0;
    state.task.notBefore = state.beginsAt;
    state.memo = { ...value.memo };
    state.searchAttributes = { ...value.searchAttributes };
    state.originRunId = value.runId;
    state.parent = value.parent;
    state.root = value.root;
    deliver(state, head);
  },
  workflowCompleted: (state, value, head) => close(state, WorkflowStatus.COMPLETED, head, value.newRunId),
  workflowFailed: (state, value, head) => close(state, WorkflowStatus.FAILED, head, value.newRunId),
  workflowTimedOut: (state, value, head) => close(state, WorkflowStatus.TIMED_OUT, head, value.newRunId),
  workflowContinuedAsNew: (state, value, head) => close(state, WorkflowStatus.CONTINUED_AS_NEW, head, value.newRunId),
  workflowCanceled: (state, _value, head) => close(state, WorkflowStatus.CANCELED, head),
  workflowTerminated(state, value, head) {
    // By a reset: what the fork has copied is its own.
    if (value.newRunId !== '') state.adoptedUpTo = Number(value.keptEventId);
    close(state, WorkflowStatus.TERMINATED, head, value.newRunId);
  },
  workflowCancelRequested(state, value, head) {
    state.cancelRequested = true;
    rememberRequest(state, value.requestId, head.time);
    state.task.lastInput = head.id;
    noteUnseen(state, head.id, { $case: 'workflowCancelRequested', value });
    // Who cancels a run before its time need not wait for it: the code decides at once.
    if (state.task.base === 0 && state.task.attempt === 1) state.task.notBefore = Math.min(state.task.notBefore, head.time);
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

function close(state: RunState, status: WorkflowStatus, head: Head, newRunId = ''): void {
  state.status = status;
  state.newRunId = newRunId;
  state.unseen = undefined;
  state.closedAt = head.time;
  state.closeEvent = head.event;
  state.paused = undefined;
  state.activities.clear();
  state.timers.clear();
  closeExternals(state);
  closeEffects(state, head);
  state.live.flight = undefined;
  state.live.forceTask = false;
  state.live.closeRefused = false;
}

export const workflowCommands: CommandRules<'completeWorkflow' | 'failWorkflow' | 'cancelWorkflow' | 'upsertProperties'> = {
  completeWorkflow: {
    closing: true,
    check: checkLastResult,
    apply(t, value, completedEventId) {
      const { newRunId, follow } = followUpOn(t, { kind: 'completed', result: value.result });
      record(t, { $case: 'workflowCompleted', value: { completedEventId, result: value.result, newRunId } });
      follow();
    },
  },
  failWorkflow: {
    closing: true,
    check(_context, value) {
      if (value.failure === undefined) throw new PerdureError('BAD_COMMAND', 'failWorkflow.failure: is required');
    },
    apply(t, value, completedEventId) {
      const { newRunId, retryState, follow } = followUpOn(t, { kind: 'failed', failure: value.failure as Failure });
      record(t, { $case: 'workflowFailed', value: { completedEventId, failure: value.failure, newRunId, retryState } });
      follow();
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

/** With a cron schedule the next run's first event holds the result beside the input: together they must fit one event. */
function checkLastResult({ state }: CheckContext, { result }: CommandValue<'completeWorkflow'>): void {
  const { chain } = state;
  if (result === undefined || chain === undefined || chain.cronSchedule === '') return;
  const bytes = result.data.length + chain.input.reduce((sum, { data }) => sum + data.length, 0);
  if (bytes <= MAX_EVENT_PAYLOAD_BYTES) return;
  const metadata = { field: 'result', size: String(bytes), limit: String(MAX_EVENT_PAYLOAD_BYTES) };
  const problem = `${bytes} bytes together with the input of the next run, the limit is ${MAX_EVENT_PAYLOAD_BYTES}`;
  throw new PerdureError('BAD_COMMAND', `completeWorkflow.result: ${problem}`, metadata);
}

/** With a cron schedule the first run waits for its time too. */
function delayOf({ cronSchedule, startDelayMs }: StartInput, now: number): number {
  if (cronSchedule === '') return startDelayMs;
  const from = now + startDelayMs;
  return (nextTime(parseCron(cronSchedule), from, from) ?? from) - now;
}

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
      startDelay: toDuration(delayOf(input, t.env.now)),
      memo: input.memo,
      searchAttributes: input.searchAttributes,
      retryPolicy: input.retryPolicy,
      attempt: 1,
      firstRunId: runId,
      cronSchedule: input.cronSchedule,
      continuation: undefined,
      parent: input.parent,
      root: input.root,
    },
  });
}

/** Records a cancel request, once per run. */
export function requestCancel(t: Transition, input: { reason: string; identity: string; requestId: string }): void {
  if (!isOpen(t.state) || t.state.cancelRequested) return;
  record(t, { $case: 'workflowCancelRequested', value: input });
}

/** Ends the run at once. Throws WORKFLOW_CLOSED, but to the request that has ended it. */
export function terminate(t: Transition, input: TerminateInput): void {
  if (!isOpen(t.state)) {
    const end = t.state.closeEvent?.attributes;
    if (input.requestId && end?.$case === 'workflowTerminated' && end.value.requestId === input.requestId) return;
    throw closed(t.state);
  }
  const { reason, details, identity, requestId = '', fork } = input;
  const value = { reason, details, identity, requestId, newRunId: fork?.runId ?? '', keptEventId: BigInt(fork?.kept ?? 0) };
  record(t, { $case: 'workflowTerminated', value });
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
  if (timeoutType === undefined) return;
  if (timeoutType === TimeoutType.EXECUTION) {
    record(t, { $case: 'workflowTimedOut', value: { timeoutType, newRunId: '', retryState: RetryState.UNSPECIFIED } });
    return;
  }
  const { newRunId, retryState, follow } = followUpOn(t, { kind: 'timedOut', failure: timedOut(state) });
  record(t, { $case: 'workflowTimedOut', value: { timeoutType, newRunId, retryState } });
  follow();
}
