/**
 * Child workflow. Started after the commit, named for ever by (origin run, scheduled event).
 *
 * | state     | ScheduleChildWorkflow         | start answered                | CancelChildWorkflow                  | the child's chain ends          | run closes for good             |
 * |-----------|-------------------------------|-------------------------------|--------------------------------------|---------------------------------|---------------------------------|
 * | (none)    | Scheduled → scheduled         | –                             | –                                    | nothing                         | –                               |
 * | scheduled | BAD_COMMAND                   | Started → open; StartFailed → ended | requested; in the same completion also Canceled, never started → ended | Started, then its end → ended | its start is awaited, then the policy applies |
 * | open      | BAD_COMMAND                   | nothing                       | requested, the child is asked        | Completed / Failed / TimedOut / Canceled / Terminated → ended | terminated, asked to cancel, or left |
 * | ended     | BAD_COMMAND                   | nothing                       | requested (no effect)                | nothing                         | –                               |
 *
 * Only the end of the child's chain is told; its retries, continuations and cron runs are not. A run that has a successor hands its
 * open children on: the successor's code does not know them, but its close applies their policies. Their numbers are below 0.
 */
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { CarriedChild } from '@perdure/proto/perdure/server/v1/mark';
import type { EventFolds, Head, MarkFolds } from './concepts.ts';
import { deliver } from './concepts.ts';
import { addEffect, endChild } from './effects.ts';
import { type Child, isOpen, type RunState } from './state.ts';
import { mark, record, type Transition } from './transition.ts';

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

export const childMarks: MarkFolds<'childrenCarried' | 'carriedChildEnded'> = {
  childrenCarried(state, value) {
    state.children ??= new Map();
    for (const [index, child] of value.children.entries()) {
      const number = -1 - index;
      state.children.set(number, {
        number,
        originRunId: child.originRunId,
        scheduledEventId: Number(child.scheduledEventId),
        scheduledAt: Number(child.scheduledMs),
        workflowId: child.workflowId,
        workflowType: child.workflowType,
        parentClosePolicy: child.parentClosePolicy,
        request: child.request,
        runId: child.runId,
        cancelRequested: child.cancelRequested,
      });
    }
  },
  carriedChildEnded(state, value) {
    const child = carriedChild(state, value.originRunId, Number(value.scheduledEventId));
    if (child !== undefined) endChild(state, child.number);
  },
};

/** What a run hands on to its successor: each child that is open, or whose start has no answer yet. */
export function carriedChildren(state: RunState): CarriedChild[] {
  if (state.children === undefined) return [];
  return [...state.children.values()]
    .filter((child) => child.number < 0 || !isNeverStarted(state, child))
    .map((child) => ({
      originRunId: child.originRunId,
      scheduledEventId: BigInt(child.scheduledEventId),
      scheduledMs: BigInt(child.scheduledAt),
      workflowId: child.workflowId,
      workflowType: child.workflowType,
      parentClosePolicy: child.parentClosePolicy,
      runId: child.runId,
      cancelRequested: child.cancelRequested,
      request: child.request,
    }));
}

/** A child of a run before. */
function carriedChild(state: RunState, originRunId: string, scheduledEventId: number): Child | undefined {
  for (const child of state.children?.values() ?? [])
    if (child.number < 0 && child.originRunId === originRunId && child.scheduledEventId === scheduledEventId) return child;
  return undefined;
}

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
  const { originRunId } = notice;
  if (carriedChild(state, originRunId, notice.scheduledEventId) !== undefined) {
    mark(t, { $case: 'carriedChildEnded', value: { originRunId, scheduledEventId: BigInt(notice.scheduledEventId) } });
    return;
  }
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
