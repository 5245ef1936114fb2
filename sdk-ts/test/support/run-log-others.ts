// What other workflows do to a run's log: the children it asked for, and the requests it sent.

import { TimeoutType } from '@perdure/proto/perdure/api/v1/failure';
import type { WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import { ApplicationFailure, errorToFailure } from '../../src/common/failure.ts';
import { defaultPayloadConverter as converter, encodeValues } from '../../src/common/payload-converter.ts';
import type { Attributes, RunLog } from './run-log.ts';

export type ChildEnd = 'completed' | 'failed' | 'canceled' | 'terminated' | 'timedOut' | 'startFailed';

const scheduledEventId = 0n;

/** Records that a child runs; nothing if it is known. */
export function startChild(log: RunLog, number: number): void {
  const child = log.openChildren.get(number);
  if (child === undefined || child.started) return;
  child.started = true;
  log.add({ $case: 'childWorkflowStarted', value: { number, scheduledEventId, runId: `child-${number}` } });
}

/** Records the end of a child; its start before, if that is missing and the end needs one. */
export function endChild(log: RunLog, number: number, how: ChildEnd): void {
  const child = log.openChildren.get(number);
  if (child === undefined) return;
  const end = how === 'startFailed' && child.started ? 'completed' : how;
  if (end !== 'startFailed') startChild(log, number);
  log.openChildren.delete(number);
  log.add(endOf(end, number));
}

function endOf(how: ChildEnd, number: number): Attributes {
  const of = { number, scheduledEventId, runId: `child-${number}` };
  switch (how) {
    case 'completed':
      return { $case: 'childWorkflowCompleted', value: { ...of, result: encodeValues(converter, [`result ${number}`], 'x')[0] } };
    case 'failed': {
      const failure = errorToFailure(ApplicationFailure.nonRetryable(`failed ${number}`, 'Broken'), converter);
      return { $case: 'childWorkflowFailed', value: { ...of, failure } };
    }
    case 'canceled':
      return { $case: 'childWorkflowCanceled', value: { ...of, details: [] } };
    case 'terminated':
      return { $case: 'childWorkflowTerminated', value: { ...of, reason: '', details: [], identity: '' } };
    case 'timedOut':
      return { $case: 'childWorkflowTimedOut', value: { ...of, timeoutType: TimeoutType.RUN } };
    case 'startFailed':
      return {
        $case: 'childWorkflowStartFailed',
        value: { number, scheduledEventId, reason: 'WORKFLOW_ALREADY_STARTED', message: 'taken' },
      };
  }
}

/** R-CHILD-3: a child that is canceled in the completion that schedules it is never started, which the log says at once. */
export function takeBackChildren(log: RunLog, { commands }: WorkflowTaskCompletion): number {
  const asked = new Set<number>();
  let taken = 0;
  for (const { attributes } of commands) {
    if (attributes?.$case === 'scheduleChildWorkflow') asked.add(attributes.value.number);
    if (attributes?.$case !== 'cancelChildWorkflow' || !asked.has(attributes.value.number) || log.closed) continue;
    const { number } = attributes.value;
    if (!log.openChildren.delete(number)) continue;
    log.add({ $case: 'childWorkflowCanceled', value: { number, scheduledEventId, runId: '', details: [] } }, 0);
    taken += 1;
  }
  return taken;
}

/** Records the answer to a request. */
export function answerSend(log: RunLog, number: number, delivered: boolean): void {
  const kind = log.openSends.get(number);
  if (kind === undefined) return;
  log.openSends.delete(number);
  const refusal = { number, scheduledEventId, reason: 'WORKFLOW_NOT_FOUND', message: 'none' };
  if (kind === 'signal' && delivered) log.add({ $case: 'externalSignalDelivered', value: { number, scheduledEventId } });
  else if (kind === 'signal') log.add({ $case: 'externalSignalFailed', value: refusal });
  else if (delivered) log.add({ $case: 'externalCancelDelivered', value: { number, scheduledEventId } });
  else log.add({ $case: 'externalCancelFailed', value: refusal });
}
