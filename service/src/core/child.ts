/**
 * Child workflow. Started after the commit, named for ever by (origin run, scheduled event).
 *
 * | state     | ScheduleChildWorkflow         | start answered                | CancelChildWorkflow                  | the child's chain ends          | run closes                      |
 * |-----------|-------------------------------|-------------------------------|--------------------------------------|---------------------------------|---------------------------------|
 * | (none)    | Scheduled → scheduled         | –                             | –                                    | nothing                         | –                               |
 * | scheduled | BAD_COMMAND                   | Started → open; StartFailed → ended | requested; in the same completion also Canceled, never started → ended | Started, then its end → ended | its start is awaited, then the policy applies |
 * | open      | BAD_COMMAND                   | nothing                       | requested, the child is asked        | Completed / Failed / TimedOut / Canceled / Terminated → ended | terminated, asked to cancel, or left |
 * | ended     | BAD_COMMAND                   | nothing                       | requested (no effect)                | nothing                         | –                               |
 *
 * Only the end of the child's chain is told; its retries, continuations and cron runs are not. Every close of the parent applies, one with a
 * successor too: the successor's code does not know the children. By a reset, the fork has those of its copy, and only the others are left.
 */
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { EventFolds, Head } from './concepts.ts';
import { deliver } from './concepts.ts';
import { addEffect, endChild } from './effects.ts';
import { type Child, isOpen, type RunState } from './state.ts';
import { record, type Transition } from './transition.ts';

type ChildEvents =
  | 'childWorkflowScheduled'
  | 'childWorkflowStarted'
  | 'childWorkflowStartFailed'
  | 'childWorkflowCancelRequested'
  | 'childWorkflowCompleted'
  | 'childWorkflowFailed'
  | 'childWorkflowTimedOut'
  | 'childWorkflowCanceled'
  | 'childWorkflowTerminated';

export const childFolds: EventFolds<ChildEvents> = {
  childWorkflowScheduled(state, value, head) {
    const { number } = value;
    state.lastChild = number;
    state.children ??= new Map();
    state.children.set(number, {
      number,
      originRunId: state.originRunId,
      scheduledEventId: head.id,
      scheduledAt: head.time,
      workflowId: value.workflowId,
      workflowType: value.workflowType,
      parentClosePolicy: value.parentClosePolicy,
      request: value,
      runId: '',
      cancelRequested: false,
    });
    addEffect(state, { kind: 'startChild', eventId: head.id, after: head.id, number, target: value.workflowId });
  },
  childWorkflowStarted(state, value, head) {
    const child = state.children?.get(value.number);
    if (child !== undefined) {
      child.runId = value.runId;
      child.request = undefined;
      state.effects?.delete(child.scheduledEventId);
    }
    deliver(state, head);
  },
  childWorkflowStartFailed: end,
  childWorkflowCancelRequested(state, value, head) {
    const child = state.children?.get(value.number);
    if (child === undefined || child.cancelRequested) return;
    child.cancelRequested = true;
    // Asked for in the same completion: it is never started. Its end is the next event, or the close of the run.
    if (BigInt(child.scheduledEventId) > value.completedEventId) state.effects?.delete(child.scheduledEventId);
    else addEffect(state, { kind: 'cancelChild', eventId: head.id, after: head.id, number: child.number, target: child.workflowId });
  },
  childWorkflowCompleted: end,
  childWorkflowFailed: end,
  childWorkflowTimedOut: end,
  childWorkflowCanceled: end,
  childWorkflowTerminated: end,
};

function end(state: RunState, { number }: { number: number }, head: Head): void {
  endChild(state, number);
  deliver(state, head);
}

/** The child was scheduled and taken back before anything was done for it. */
export function isNeverStarted(state: RunState, child: Child): boolean {
  return child.runId === '' && state.effects?.get(child.scheduledEventId) === undefined;
}

/** What the owner of a child tells at the end of the child's chain. */
export interface ChildNotice {
  readonly originRunId: string;
  readonly scheduledEventId: number;
  readonly number: number;
  /** The first run of the chain, and the one that closed. */
  readonly firstRunId: string;
  readonly runId: string;
  readonly closing: HistoryEvent['attributes'];
}

/** Records the end of a child. One that is not known, or has ended, changes nothing: notices come at least once. */
export function childClosed(t: Transition, notice: ChildNotice): void {
  const { state } = t;
  if (!isOpen(state) || state.children === undefined) return;
  const child = state.children.get(notice.number);
  if (child === undefined) return;
  if (child.scheduledEventId !== notice.scheduledEventId || child.originRunId !== notice.originRunId) return;
  const scheduledEventId = BigInt(child.scheduledEventId);
  const { number } = child;
  // The answer to its start may have been lost, or is still on its way.
  if (child.runId === '') {
    record(t, { $case: 'childWorkflowStarted', value: { number, scheduledEventId, runId: notice.firstRunId } });
  }
  record(t, outcomeOf({ number, scheduledEventId, runId: notice.runId }, notice.closing));
}

type Named = { number: number; scheduledEventId: bigint; runId: string };

function outcomeOf(named: Named, closing: HistoryEvent['attributes']): NonNullable<HistoryEvent['attributes']> {
  switch (closing?.$case) {
    case 'workflowCompleted':
      return { $case: 'childWorkflowCompleted', value: { ...named, result: closing.value.result } };
    case 'workflowFailed':
      return { $case: 'childWorkflowFailed', value: { ...named, failure: closing.value.failure } };
    case 'workflowTimedOut':
      return { $case: 'childWorkflowTimedOut', value: { ...named, timeoutType: closing.value.timeoutType } };
    case 'workflowCanceled':
      return { $case: 'childWorkflowCanceled', value: { ...named, details: closing.value.details } };
    case 'workflowTerminated': {
      const { reason, details, identity } = closing.value;
      return { $case: 'childWorkflowTerminated', value: { ...named, reason, details, identity } };
    }
    default:
      throw new Error(`a child cannot end by ${closing?.$case ?? 'nothing'}`);
  }
}
