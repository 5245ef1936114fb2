/**
 * Follow-ups: when the one activity a cached run waits for has succeeded here, the run goes on at once, and what it does next
 * travels with the activity's end. The service takes both together, or only the end; then the run is forgotten.
 */
import type { ActivityTask } from '@perdure/proto/perdure/api/v1/activity';
import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import { History } from '@perdure/proto/perdure/api/v1/event';
import type { WorkflowTask } from '@perdure/proto/perdure/api/v1/task';
import type { FollowUp, WorkflowTaskAccepted } from '@perdure/proto/perdure/api/v1/worker_service';
import type { Clock } from '../common/clock.ts';
import { msToTimestamp, timestampToMs } from '../common/duration.ts';

/** A run that went on and waits for the service's word. */
export interface OpenFollowUp {
  readonly message: FollowUp;
  /** The service's word: what it accepted, or undefined when it left the follow-up out or the end was not told. */
  settle(accepted: WorkflowTaskAccepted | undefined): void;
}

/** Success of an attempt, as the run would see it. */
export interface Success {
  readonly task: ActivityTask;
  /** Decoded: no codec has touched it. */
  readonly result: Payload;
  /** Ms on the monotonic clock since the task arrived. */
  readonly elapsedMs: number;
}

const EMPTY = new Uint8Array(0);

/** The task the service would give out after this end. Undefined when the attempt's task allows no follow-up. */
export function followUpTask({ task, result, elapsedMs }: Success): WorkflowTask | undefined {
  const { followUp: base, execution, attempt } = task;
  if (base === undefined) return undefined;
  // Never ahead of the service's clock: the answer took its time to arrive.
  const startedTime = msToTimestamp(timestampToMs(task.startedTime) + Math.floor(elapsedMs));
  const completed = { number: base.activityNumber, scheduledEventId: 0n, result, attempt, identity: '' };
  const end = { id: base.endEventId, time: startedTime, attributes: { $case: 'activityCompleted' as const, value: completed } };
  return {
    token: EMPTY,
    execution,
    workflowType: task.workflowType,
    taskQueue: task.taskQueue,
    attempt: 1,
    baseEventId: base.baseEventId,
    seenEventId: base.endEventId,
    startedTime,
    historyBytes: base.historyBytes,
    continueAsNewSuggested: base.continueAsNewSuggested,
    history: History.encode({ events: [end] }).finish(),
    // Between the two lies only what the run did itself.
    historyFromEventId: base.seenEventId + 1n,
    historyNextEventId: 0n,
    queries: [],
    updates: [],
    queryOnly: false,
    taskTimeoutMs: base.taskTimeoutMs,
  };
}

/** What `work` resolves to, or undefined after `ms`. `work` must not reject. */
export function within<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(ms, () => resolve(undefined));
    void work.then((value) => {
      timer.cancel();
      resolve(value);
    });
  });
}
