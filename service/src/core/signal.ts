/**
 * Signal.
 *
 * | run    | new request id                     | known request id |
 * |--------|------------------------------------|------------------|
 * | open   | WorkflowSignaled, a task is due    | OK, nothing      |
 * | closed | WORKFLOW_CLOSED                    | OK, nothing      |
 *
 * Recorded at once, in order of arrival, also while a task is out.
 */
import { WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import { PerdureError } from '../errors.ts';
import type { SignalInput } from '../roles.ts';
import type { ChainInput } from './chain.ts';
import type { EventFolds } from './concepts.ts';
import { deliver } from './concepts.ts';
import { MAX_HISTORY_BYTES, MAX_HISTORY_EVENTS, MAX_SIGNALS } from './limits.ts';
import { overLimit } from './over-limit.ts';
import { rememberRequest } from './requests.ts';
import { isOpen, type RunState } from './state.ts';
import { record, type Transition } from './transition.ts';

export const signalFolds: EventFolds<'workflowSignaled'> = {
  workflowSignaled(state, value, head) {
    state.signals += 1;
    rememberRequest(state, value.requestId, head.time);
    state.task.lastInput = head.id;
    noteUnseen(state, head.id, { $case: 'workflowSignaled', value });
    deliver(state, head);
  },
};

/** Keeps an input until a completed task has seen it: should the run be continued before, it moves along. */
export function noteUnseen(state: RunState, id: number, input: ChainInput): void {
  state.unseen ??= [];
  state.unseen.push({ id, input });
}

/** Records a signal unless its request id is known. */
export function signal(t: Transition, input: SignalInput): void {
  const { state } = t;
  if (state.requestIds.has(input.requestId)) return;
  if (!isOpen(state)) throw closed(state);
  if (state.signals >= MAX_SIGNALS) {
    throw new PerdureError('LIMIT_REACHED', `signals: the run has taken ${state.signals}, the limit is ${MAX_SIGNALS}`, {
      field: 'signals',
      size: String(state.signals),
      limit: String(MAX_SIGNALS),
    });
  }
  checkRoom(state);
  record(t, { $case: 'workflowSignaled', value: { ...input } });
}

/** The run's log is full for everything but results and closing commands. */
export function checkRoom(state: RunState): void {
  if (state.nextEventId > MAX_HISTORY_EVENTS) {
    throw overLimit('LIMIT_REACHED', 'history', { size: state.nextEventId - 1, limit: MAX_HISTORY_EVENTS, what: 'events' });
  }
  if (state.historyBytes > MAX_HISTORY_BYTES) {
    throw overLimit('LIMIT_REACHED', 'history', { size: state.historyBytes, limit: MAX_HISTORY_BYTES, what: 'bytes' });
  }
}

export function closed(state: RunState): PerdureError {
  const { workflowId, runId } = state.identity;
  const status = statusName(state.status);
  return new PerdureError('WORKFLOW_CLOSED', `workflow "${workflowId}" (run ${runId}) has closed (${status})`, {
    workflow_id: workflowId,
    run_id: runId,
    status,
  });
}

/** A status without its prefix, for example COMPLETED. */
export function statusName(status: WorkflowStatus): string {
  return Object.entries(WorkflowStatus).find(([, value]) => value === status)?.[0] ?? 'UNSPECIFIED';
}
