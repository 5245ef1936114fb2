/**
 * `step(state, input, env)`: one input, one transition. No clock, no I/O, no randomness but what `env` gives. Throws
 * PerdureError when the input is refused; what the refusal itself changes in memory (a refused close) is in the state.
 */
import type { WorkerInfo } from '@perdure/proto/perdure/api/v1/common';
import type { Failure } from '@perdure/proto/perdure/api/v1/failure';
import type { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import type { WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import type { ActivityTaskToken, WorkflowTaskToken } from '@perdure/proto/perdure/server/v1/token';
import { isDue } from './activity.ts';
import {
  type ActivityClaim,
  claimActivity,
  dueActivities,
  type HeartbeatAnswer,
  type HeartbeatInput,
  heartbeatActivity,
  type LostClaim,
  returnActivity,
  undoActivity,
  writeDetails,
} from './activity-attempts.ts';
import { type OperateInput, operateActivity } from './activity-operators.ts';
import { beginSuccessor, type Successor } from './chain.ts';
import { type ChildNotice, childClosed } from './child.ts';
import { type CompletionAnswer, completeTask } from './completion.ts';
import type { CarriedSignals } from './concepts.ts';
import { type DeleteInput, requestDeletion } from './deletion.ts';
import { answerEffect, type Effect, type EffectAnswer, hasEffects } from './effects.ts';
import { folds } from './fold.ts';
import { type AttemptEnd, endAttempt } from './follow-up.ts';
import { type ForkInput, fork } from './fork.ts';
import type { SignalInput, StartInput, TerminateInput, UpdateInput } from './inputs.ts';
import { HISTORY_GRACE, MAX_HISTORY_BYTES, MAX_HISTORY_EVENTS } from './limits.ts';
import { nextDue } from './outstanding.ts';
import { type PauseInput, pause, resume } from './pause.ts';
import { signal } from './signal.ts';
import { type Activity, type Flight, isOpen, type RunState } from './state.ts';
import { fireTimers } from './timer.ts';
import { newTransition, record, type StepEnv, type Transition } from './transition.ts';
import { admitUpdate, forgetUpdate, settleUpdates, type UpdateStanding } from './update.ts';
import { dueWorkflow, requestCancel, start, terminate } from './workflow.ts';
import { claimTask, dueTask, failTask, flightOf, hurryTask, isTaskDue, type TaskClaimInput, undoTask } from './workflow-task.ts';

/** Every input of the core, with what its step answers. */
export interface Inputs {
  start: [input: StartInput, answer: undefined];
  /** The first input of a run that follows another one. */
  succeed: [input: { successor: Successor; closedAt: number }, answer: undefined];
  signal: [input: SignalInput, answer: undefined];
  requestCancel: [input: { reason: string; identity: string; requestId: string }, answer: undefined];
  /** The state is the fold of the copy. */
  fork: [input: ForkInput, answer: undefined];
  delete: [input: DeleteInput, answer: undefined];
  pause: [input: PauseInput, answer: undefined];
  resume: [input: PauseInput, answer: undefined];
  terminate: [input: TerminateInput, answer: undefined];
  update: [input: UpdateInput, answer: UpdateStanding];
  forgetUpdate: [input: { updateId: string }, answer: undefined];
  claimTask: [input: TaskClaimInput, answer: Flight | undefined];
  undoTask: [input: { claimId?: string; nonce?: string }, answer: undefined];
  completeTask: [
    input: { token: WorkflowTaskToken; completion: WorkflowTaskCompletion; worker: WorkerInfo; signals?: CarriedSignals | undefined },
    answer: CompletionAnswer,
  ];
  failTask: [input: { token: WorkflowTaskToken; cause: WorkflowTaskFailureCause; failure: Failure | undefined }, answer: undefined];
  claimActivity: [input: ActivityClaim, answer: Activity | undefined];
  undoActivity: [input: LostClaim, answer: undefined];
  returnActivity: [input: { token: ActivityTaskToken; begun: boolean }, answer: undefined];
  /** Answers what became of the follow-up; undefined when there was none or it was left out. */
  completeActivity: [input: AttemptEnd, answer: CompletionAnswer | undefined];
  heartbeat: [input: HeartbeatInput, answer: HeartbeatAnswer];
  operateActivity: [input: OperateInput, answer: undefined];
  /** The target of an effect has answered. */
  answerEffect: [input: { effect: Effect; answer: EffectAnswer }, answer: undefined];
  /** A child's chain has ended. */
  childClosed: [input: ChildNotice, answer: undefined];
  /** The run is about to leave memory. */
  writeDetails: [input: undefined, answer: undefined];
  /** Time has passed, or the run has just been loaded. */
  due: [input: undefined, answer: undefined];
  /** A worker process polls for the first time. */
  newWorker: [input: undefined, answer: undefined];
}

export type InputKind = keyof Inputs;
type Handlers = { [K in InputKind]: (t: Transition, input: Inputs[K][0]) => Inputs[K][1] };

const handlers: Handlers = {
  start(t, input) {
    start(t, input);
    if (input.signal !== undefined) signal(t, input.signal);
    if (input.update !== undefined) admitUpdate(t, input.update);
    return undefined;
  },
  succeed: (t, input) => void beginSuccessor(t, input),
  signal: (t, input) => void signal(t, input),
  requestCancel: (t, input) => void requestCancel(t, input),
  terminate: (t, input) => void terminate(t, input),
  fork: (t, input) => void fork(t, input),
  delete: (t, input) => void requestDeletion(t, input),
  pause: (t, input) => void pause(t, input),
  resume: (t, input) => void resume(t, input),
  update: admitUpdate,
  forgetUpdate(t, input) {
    forgetUpdate(t, input.updateId);
    // The reference, if there is one, is for nothing: another is offered when there is something again.
    if (!isTaskDue(t.state)) t.state.live.taskOffered = false;
    return undefined;
  },
  claimTask,
  undoTask: (t, input) => void undoTask(t, input),
  completeTask: (t, input) => completeTask(t, input.token, input.completion, input.worker, input.signals),
  failTask(t, input) {
    flightOf(t.state, input.token);
    failTask(t, input.cause, input.failure);
    return undefined;
  },
  claimActivity,
  undoActivity: (t, input) => void undoActivity(t, input),
  returnActivity: (t, input) => void returnActivity(t, input.token, input.begun),
  completeActivity: endAttempt,
  heartbeat: heartbeatActivity,
  operateActivity: (t, input) => void operateActivity(t, input),
  answerEffect: (t, input) => void answerEffect(t, input),
  childClosed: (t, input) => void childClosed(t, input),
  writeDetails: (t) => void writeDetails(t),
  due: () => undefined,
  newWorker: (t) => void hurryTask(t),
};

/** Steps the state by one input. On return the state has changed in place and `transition` says what to write and to offer. */
export function step<K extends InputKind>(
  state: RunState,
  kind: K,
  input: Inputs[K][0],
  env: StepEnv,
): { transition: Transition; answer: Inputs[K][1] } {
  const transition = newTransition(state, env, folds);
  const answer = handlers[kind](transition, input);
  settle(transition);
  return { transition, answer };
}

/** After a refused input: what the refusal changed may have to be offered. */
export function settleOnly(state: RunState, env: StepEnv): Transition {
  const transition = newTransition(state, env, folds);
  settle(transition);
  return transition;
}

/** Handles what is due at `now`, ends runs that outgrew their log, and names what is to be offered. */
function settle(t: Transition): void {
  const { state, env } = t;
  if (isOpen(state) && state.live.nextDue <= env.now) handleDue(t);
  if (isOpen(state)) endOversized(t);
  if (state.live.updates !== undefined || state.updates !== undefined) settleUpdates(t);
  if (isOpen(state)) offer(t);
  if (state.live.effectsWaiting) {
    state.live.effectsWaiting = false;
    t.deliverEffects = hasEffects(state);
  }
  state.live.nextDue = nextDue(state);
}

function handleDue(t: Transition): void {
  dueWorkflow(t);
  if (!isOpen(t.state)) return;
  dueTask(t);
  if (t.state.paused === undefined) fireTimers(t);
  dueActivities(t);
}

function offer(t: Transition): void {
  const { state, env } = t;
  if (isTaskDue(state) && state.live.flight === undefined && !state.live.taskOffered && state.task.notBefore <= env.now) {
    state.live.taskOffered = true;
    t.offerTask = true;
  }
  if (state.paused !== undefined) return;
  for (const activity of state.activities.values()) {
    if (activity.live.offered || !isDue(activity, env.now)) continue;
    activity.live.offered = true;
    t.offerActivities.push(activity.number);
  }
}

function endOversized(t: Transition): void {
  const { state } = t;
  const events = state.nextEventId - 1;
  if (events <= MAX_HISTORY_EVENTS * HISTORY_GRACE && state.historyBytes <= MAX_HISTORY_BYTES * HISTORY_GRACE) return;
  const reason = `the history has ${events} events and ${state.historyBytes} bytes; the limits are ${MAX_HISTORY_EVENTS} and ${MAX_HISTORY_BYTES}`;
  record(t, {
    $case: 'workflowTerminated',
    value: { reason, details: [], identity: 'service', requestId: '', newRunId: '', keptEventId: 0n },
  });
}
