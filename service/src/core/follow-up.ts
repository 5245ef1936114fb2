/**
 * Follow-up: the end of an attempt that brings the answer to the workflow task it causes. The worker that holds the run went on
 * by itself; if the end is all that happened, both are written together, as if the task had been given out in between.
 *
 * | since the base, before the end     | end        | follow-up                                              |
 * |------------------------------------|------------|--------------------------------------------------------|
 * | nothing, task none, worker sticky  | → recorded | → WorkflowTaskCompleted + one event per command        |
 * | nothing, but a command is refused  | → recorded | left out; the task is due and fails in the usual way   |
 * | any other event or task, or worker | → recorded | left out; the task is due                              |
 */
import type { WorkerInfo } from '@perdure/proto/perdure/api/v1/common';
import type { ActivityTaskCompletion, WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import type { ActivityTaskToken } from '@perdure/proto/perdure/server/v1/token';
import { PerdureError } from '../errors.ts';
import { type ActivityTarget, completeActivity } from './activity-attempts.ts';
import { type CompletionAnswer, completeTask } from './completion.ts';
import { SUGGEST_CONTINUE_BYTES, SUGGEST_CONTINUE_EVENTS } from './limits.ts';
import { type Flight, isOpen, type RunState } from './state.ts';
import type { Transition } from './transition.ts';
import { isTaskDue } from './workflow-task.ts';

export interface FollowUpInput {
  /** The code's clock, ms since 1970. */
  readonly startedAt: number;
  readonly completion: WorkflowTaskCompletion;
}

export interface AttemptEnd {
  readonly token: ActivityTarget;
  readonly outcome: ActivityTaskCompletion['outcome'];
  readonly worker: WorkerInfo;
  readonly followUp?: FollowUpInput | undefined;
}

/** What a worker needs to go on by itself, as it travels in the attempt's token. */
export type FollowUpFacts = Pick<ActivityTaskToken, 'baseEventId' | 'endEventId' | 'historyBytes' | 'continueAsNewSuggested'>;

export const NO_FOLLOW_UP: FollowUpFacts = { baseEventId: 0n, endEventId: 0n, historyBytes: 0n, continueAsNewSuggested: false };

/** The run is at rest in this worker's cache, so that one more event would give it exactly one thing to see. */
function rests(state: RunState, workerId: string): boolean {
  const { task, live } = state;
  if (!isOpen(state) || state.paused !== undefined || live.flight !== undefined || live.closeRefused || isTaskDue(state)) return false;
  return task.base > 0 && task.attempt === 1 && workerId !== '' && task.stickyWorkerId === workerId;
}

/** For an attempt that is handed to this worker. Of several open activities none may: their ends are better shown together. */
export function followUpFacts(state: RunState, worker: WorkerInfo): FollowUpFacts {
  if (state.activities.size !== 1 || !rests(state, worker.workerId)) return NO_FOLLOW_UP;
  return {
    baseEventId: BigInt(state.task.base),
    endEventId: BigInt(state.nextEventId),
    historyBytes: BigInt(state.historyBytes),
    continueAsNewSuggested: state.nextEventId > SUGGEST_CONTINUE_EVENTS || state.historyBytes > SUGGEST_CONTINUE_BYTES,
  };
}

/** Takes the end of an attempt, and its follow-up if it fits. Undefined when there was none or it was left out. */
export function endAttempt(t: Transition, { token, outcome, worker, followUp }: AttemptEnd): CompletionAnswer | undefined {
  if (followUp === undefined || 'activityId' in token) {
    completeActivity(t, token, outcome, worker);
    return undefined;
  }
  const fits = outcome?.$case === 'completed' && stands(t, token, worker, followUp.startedAt);
  completeActivity(t, token, outcome, worker);
  return fits ? goOn(t, token, worker, followUp) : undefined;
}

function stands({ state, env }: Transition, token: ActivityTaskToken, worker: WorkerInfo, startedAt: number): boolean {
  if (Number(token.baseEventId) !== state.task.base || Number(token.endEventId) !== state.nextEventId) return false;
  return rests(state, worker.workerId) && startedAt >= state.lastEventAt && startedAt <= env.now;
}

function goOn(t: Transition, token: ActivityTaskToken, worker: WorkerInfo, followUp: FollowUpInput): CompletionAnswer | undefined {
  const { live } = t.state;
  const flight: Flight = {
    nonce: t.env.newId(),
    claimId: '',
    base: Number(token.baseEventId),
    seen: Number(token.endEventId),
    startedAt: followUp.startedAt,
    historyBytes: Number(token.historyBytes),
    suggested: token.continueAsNewSuggested,
    deadline: t.env.now,
    news: true,
    updates: [],
    workerId: worker.workerId,
    identity: worker.identity,
    buildId: worker.buildId,
  };
  live.flight = flight;
  try {
    return completeTask(t, flight, followUp.completion, worker);
  } catch (error) {
    // Refused before anything was written: the worker that gets the task now makes the same mistake where it is counted.
    live.flight = undefined;
    if (error instanceof PerdureError) return undefined;
    throw error;
  }
}
