/** The completion of a workflow task: checked as a whole, then written as one block (table in workflow-task.ts). */

import { Command } from '@perdure/proto/perdure/api/v1/command';
import type { WorkerInfo } from '@perdure/proto/perdure/api/v1/common';
import type { WorkflowTaskCompleted } from '@perdure/proto/perdure/api/v1/task';
import type { WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import type { WorkflowTaskToken } from '@perdure/proto/perdure/server/v1/token';
import { PerdureError } from '../errors.ts';
import { activityCommands } from './activity-commands.ts';
import { childCommands } from './child-commands.ts';
import type { CarriedSignals, CheckContext, CommandRule, CommandRules } from './concepts.ts';
import { continueCommands } from './continue-as-new.ts';
import { encode } from './encode.ts';
import { externalCommands } from './external.ts';
import { MAX_COMMAND_BYTES, MAX_HISTORY_BYTES, MAX_HISTORY_EVENTS, MAX_PROLONGED_MS, MAX_VARIABLES_BYTES } from './limits.ts';
import { markerCommands } from './marker.ts';
import { overLimit } from './over-limit.ts';
import type { Flight, RunState } from './state.ts';
import { toTimestamp } from './time.ts';
import { timerCommands } from './timer.ts';
import { mark, record, type Transition } from './transition.ts';
import { checkRejections, decideUpdates, dropDecided, updateCommands } from './update.ts';
import { workflowCommands } from './workflow.ts';
import { flightOf } from './workflow-task.ts';

const NO_SIGNALS: CarriedSignals = new Map();
const rules: CommandRules = {
  ...workflowCommands,
  ...continueCommands,
  ...activityCommands,
  ...timerCommands,
  ...childCommands,
  ...externalCommands,
  ...updateCommands,
  ...markerCommands,
};

export interface CompletionAnswer {
  /** 0 when nothing was written. */
  readonly completedEventId: number;
  /** The task goes on under the same token. */
  readonly prolonged?: true;
}

/** Rule of one command; throws BAD_COMMAND for a kind this version does not know. */
function ruleOf(command: Command): { rule: CommandRule<unknown>; value: unknown } {
  const attributes = command.attributes;
  if (attributes === undefined) throw new PerdureError('BAD_COMMAND', 'a command is of a kind this version of the service does not know');
  return { rule: rules[attributes.$case] as CommandRule<unknown>, value: attributes.value };
}

/**
 * Takes a completion. Throws STALE_TASK (not the task in flight), UNSEEN_EVENTS (the close is refused, a new task is due) or
 * BAD_COMMAND (nothing written; the caller fails the task with it).
 */
export function completeTask(
  t: Transition,
  token: Pick<WorkflowTaskToken, 'nonce'>,
  completion: WorkflowTaskCompletion,
  worker: WorkerInfo,
  signals: CarriedSignals = NO_SIGNALS,
): CompletionAnswer {
  const { state } = t;
  const accepted = state.live.lastAccepted;
  if (accepted !== undefined && accepted.nonce === token.nonce) return { completedEventId: accepted.completedEventId };
  const flight = flightOf(state, token);
  if (isProlonging(state, flight, completion)) {
    flight.deadline = Math.min(t.env.now + state.taskTimeoutMs, flight.startedAt + MAX_PROLONGED_MS);
    return { completedEventId: 0, prolonged: true };
  }
  const steps = completion.commands.map(ruleOf);
  const { accepted: taken } = check(state, flight, completion, steps, signals);
  const last = steps.at(-1)?.rule;
  const closing = last?.closing === true;
  if (closing && last?.takesUnseen !== true && state.task.lastInput > flight.seen) refuseClose(state);

  state.live.flight = undefined;
  state.live.taskOffered = false;
  state.live.closeRefused = false;
  // After a failed attempt the event is written all the same: it ends the row of attempts, and what they blocked.
  const silent = !flight.news && completion.commands.length === 0 && state.task.attempt === 1;
  const completedEventId = silent ? 0 : recordCompleted(t, flight, completion, worker);
  if (flight.updates.length > 0) decideUpdates(t, flight, taken, completion.rejectedUpdates);
  for (const { rule, value } of steps) rule.apply(t, value, BigInt(completedEventId), signals);
  if (!closing) for (const { rule, value } of steps) rule.caused?.(t, value);
  if (flight.updates.length > 0) dropDecided(state, flight);
  if (Object.keys(completion.variables).length > 0) mark(t, { $case: 'variablesSet', value: { variables: completion.variables } });
  if (!closing) state.live.forceTask = completion.forceNewTask;
  state.live.waitingForHandlers = completion.waitingForHandlers;
  state.live.lastAccepted = { nonce: token.nonce, completedEventId };
  return { completedEventId };
}

/** A worker that only asks for more time, and has seen everything: a long local activity is at work. */
function isProlonging(state: RunState, flight: Flight, completion: WorkflowTaskCompletion): boolean {
  // A follow-up was never given out: there is no task to go on with.
  if (!completion.forceNewTask || flight.claimId === '' || completion.commands.length > 0) return false;
  if (state.task.lastDelivered > flight.seen) return false;
  return (
    completion.queryResults.length + completion.rejectedUpdates.length === 0 &&
    completion.newFlags.length === 0 &&
    Object.keys(completion.variables).length === 0
  );
}

function recordCompleted(t: Transition, flight: Flight, completion: WorkflowTaskCompletion, worker: WorkerInfo): number {
  const value: WorkflowTaskCompleted = {
    seenEventId: BigInt(flight.seen),
    startedTime: toTimestamp(flight.startedAt),
    historyBytes: BigInt(flight.historyBytes),
    continueAsNewSuggested: flight.suggested,
    sdkName: worker.sdkName,
    sdkVersion: worker.sdkVersion,
    newFlags: completion.newFlags,
    buildId: worker.buildId,
    identity: worker.identity,
    workerId: completion.sticky ? worker.workerId : '',
  };
  // When the clock was set back while the task was out, the code's clock must not go back in the next one.
  return record(t, { $case: 'workflowTaskCompleted', value }, flight.startedAt);
}

function refuseClose(state: RunState): never {
  state.live.flight = undefined;
  state.live.taskOffered = false;
  state.live.closeRefused = true;
  state.task.stickyWorkerId = '';
  throw new PerdureError('UNSEEN_EVENTS', 'a signal or cancel request arrived after the events this task had seen');
}

function check(
  state: RunState,
  flight: Flight,
  completion: WorkflowTaskCompletion,
  steps: readonly { rule: CommandRule<unknown>; value: unknown }[],
  signals: CarriedSignals,
): CheckContext {
  const context: CheckContext = {
    state,
    signals,
    flight,
    accepted: undefined,
    completed: undefined,
    lastActivity: state.lastActivity,
    lastTimer: state.lastTimer,
    newActivities: 0,
    newTimers: 0,
    lastChild: state.lastChild,
    lastExternal: state.lastExternal,
    newChildren: 0,
    newSignalsOut: 0,
    newCancelsOut: 0,
    activityIds: new Set([...state.activities.values()].map((activity) => activity.activityId)),
    memo: state.memo,
    searchAttributes: state.searchAttributes,
  };
  steps.forEach(({ rule, value }, index) => {
    if (rule.closing === true && index !== steps.length - 1)
      throw new PerdureError('BAD_COMMAND', `command ${index + 1}: nothing may follow a closing command`);
    rule.check(context, value);
  });
  checkSizes(state, completion, steps.at(-1)?.rule.closing === true);
  if (completion.rejectedUpdates.length > 0) checkRejections(flight, context.accepted, completion.rejectedUpdates);
  return context;
}

function checkSizes(state: RunState, completion: WorkflowTaskCompletion, closing: boolean): void {
  if (!closing && completion.commands.length > 0) {
    const events = state.nextEventId + completion.commands.length;
    if (events > MAX_HISTORY_EVENTS)
      throw overLimit('BAD_COMMAND', 'history', { size: events, limit: MAX_HISTORY_EVENTS, what: 'events', advice: '; end the run' });
    // The frontend holds one completion to MAX_COMMAND_BYTES: only a long log can outgrow its limit, and is worth the encoding.
    const isNear = state.historyBytes + MAX_COMMAND_BYTES > MAX_HISTORY_BYTES;
    const size = isNear ? state.historyBytes + sizeOf(completion.commands) : 0;
    if (size > MAX_HISTORY_BYTES)
      throw overLimit('BAD_COMMAND', 'history', { size, limit: MAX_HISTORY_BYTES, what: 'bytes', advice: '; end the run' });
  }
  checkVariables(state, completion);
}

function sizeOf(commands: readonly Command[]): number {
  return commands.reduce((sum, command) => sum + encode(Command, command).length, 0);
}

function checkVariables(state: RunState, completion: WorkflowTaskCompletion): void {
  const names = Object.keys(completion.variables);
  if (names.length === 0) return;
  const all = { ...state.variables, ...completion.variables };
  const held = Object.entries(all).reduce((sum, [name, payload]) => sum + Buffer.byteLength(name) + payload.data.length, 0);
  if (held > MAX_VARIABLES_BYTES)
    throw overLimit('BAD_COMMAND', 'variables', { size: held, limit: MAX_VARIABLES_BYTES, what: 'bytes in all' });
}
