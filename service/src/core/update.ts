/**
 * Update: a request that the code takes or rejects, does and answers. In memory until it is accepted.
 *
 * | state      | sent                    | AcceptUpdate            | rejected, or left out       | CompleteUpdate            | run closes                |
 * |------------|-------------------------|-------------------------|-----------------------------|---------------------------|---------------------------|
 * | (none)     | → pending, a task is due | BAD_COMMAND            | BAD_COMMAND                 | BAD_COMMAND               | –                         |
 * | pending    | attaches                | BAD_COMMAND             | BAD_COMMAND                 | BAD_COMMAND               | WORKFLOW_CLOSED; moves to the run that follows |
 * | delivered  | attaches                | UpdateAccepted → accepted | → (none), nothing written | BAD_COMMAND               | WORKFLOW_CLOSED           |
 * | accepted   | attaches                | BAD_COMMAND             | BAD_COMMAND                 | UpdateCompleted → completed | WORKFLOW_CLOSED         |
 * | completed  | answered from the log   | BAD_COMMAND             | BAD_COMMAND                 | BAD_COMMAND               | stays, answered from the log |
 *
 * A delivered update is pending again when its task fails, is lost or its close is refused. An update that a fork asks again
 * (UpdateAdmitted) is pending in the log: its rejection is a mark.
 */
import type { UpdateRejection, UpdateRequest } from '@perdure/proto/perdure/api/v1/update';
import { PerdureError } from '../errors.ts';
import type { CommandRules, EventFolds, MarkFolds } from './concepts.ts';
import { failureOf } from './failures.ts';
import type { UpdateInput } from './inputs.ts';
import { MAX_POLL_ANSWER_BYTES, MAX_UPDATES_IN_FLIGHT, MAX_UPDATES_TAKEN } from './limits.ts';
import { checkRoom, closed, statusName } from './signal.ts';
import { type Flight, isOpen, type RunState } from './state.ts';
import { mark, record, type Transition, type UpdateNews } from './transition.ts';

/** Where an update stands after it was sent; the event tells so. */
export type UpdateStanding = { readonly kind: 'pending' } | { readonly kind: 'accepted' | 'completed'; readonly eventId: number };

export const updateFolds: EventFolds<'updateAccepted' | 'updateCompleted' | 'updateAdmitted'> = {
  updateAccepted(state, value, head) {
    const updateId = value.request?.updateId ?? '';
    state.updates ??= new Map();
    state.updates.set(updateId, { acceptedEventId: head.id, completedEventId: 0 });
    dropAdmitted(state, updateId);
  },
  updateCompleted(state, value, head) {
    const known = state.updates?.get(value.updateId);
    if (known !== undefined) known.completedEventId = head.id;
  },
  updateAdmitted(state, value, head) {
    if (value.request === undefined) return;
    state.admitted ??= new Map();
    state.admitted.set(value.request.updateId, value.request);
    state.task.dueSince = head.time;
  },
};

export const updateMarks: MarkFolds<'updateRejected'> = {
  updateRejected: (state, value) => dropAdmitted(state, value.updateId),
};

function dropAdmitted(state: RunState, updateId: string): void {
  if (state.admitted?.delete(updateId) && state.admitted.size === 0) state.admitted = undefined;
}

export const updateCommands: CommandRules<'acceptUpdate' | 'completeUpdate'> = {
  acceptUpdate: {
    check(context, { updateId }) {
      const delivered = context.flight.updates.some((request) => request.updateId === updateId);
      if (!delivered || context.accepted?.has(updateId)) throw badUpdate('acceptUpdate', updateId, 'did not come with this task');
      context.accepted ??= new Set();
      context.accepted.add(updateId);
    },
    apply(t, { updateId }, completedEventId) {
      const request = t.state.live.updates?.get(updateId)?.request ?? t.state.admitted?.get(updateId);
      record(t, { $case: 'updateAccepted', value: { completedEventId, request } });
      tell(t, { kind: 'accepted', updateId });
    },
  },
  completeUpdate: {
    check(context, { updateId, outcome }) {
      const isRunning = context.accepted?.has(updateId) || context.state.updates?.get(updateId)?.completedEventId === 0;
      if (!isRunning || context.completed?.has(updateId)) throw badUpdate('completeUpdate', updateId, 'is not one whose handler runs');
      if (outcome === undefined) throw new PerdureError('BAD_COMMAND', 'completeUpdate.outcome: is required');
      context.completed ??= new Set();
      context.completed.add(updateId);
    },
    apply(t, { updateId, outcome }, completedEventId) {
      const acceptedEventId = BigInt(t.state.updates?.get(updateId)?.acceptedEventId ?? 0);
      record(t, { $case: 'updateCompleted', value: { completedEventId, updateId, acceptedEventId, outcome } });
      tell(t, { kind: 'completed', updateId, outcome: { outcome } });
    },
  },
};

function badUpdate(command: string, updateId: string, why: string): PerdureError {
  return new PerdureError('BAD_COMMAND', `${command}.update_id: update ${JSON.stringify(updateId)} ${why}`);
}

function tell(t: Transition, news: UpdateNews): void {
  t.updates ??= [];
  t.updates.push(news);
}

/** Takes an update into memory, or finds the one of the same id. Throws WORKFLOW_CLOSED, RUN_BLOCKED, OVERLOADED, LIMIT_REACHED. */
export function admitUpdate(t: Transition, input: UpdateInput): UpdateStanding {
  const { state } = t;
  const { updateId } = input.request;
  const standing = standingOf(state, updateId);
  if (standing !== undefined) return standing;
  if (!isOpen(state)) throw closed(state);
  if (state.task.blockedSince > 0) throw blocked(state);
  checkLimits(state);
  state.live.updates ??= new Map();
  state.live.updates.set(updateId, { ...input, since: t.env.now });
  return { kind: 'pending' };
}

/** Where an update stands; undefined when the run does not know it. */
export function standingOf(state: RunState, updateId: string): UpdateStanding | undefined {
  const known = state.updates?.get(updateId);
  if (known === undefined) return state.live.updates?.has(updateId) || state.admitted?.has(updateId) ? { kind: 'pending' } : undefined;
  return known.completedEventId > 0
    ? { kind: 'completed', eventId: known.completedEventId }
    : { kind: 'accepted', eventId: known.acceptedEventId };
}

function checkLimits(state: RunState): void {
  const asked = (state.live.updates?.size ?? 0) + (state.admitted?.size ?? 0);
  const taken = state.updates?.size ?? 0;
  if (taken + asked >= MAX_UPDATES_TAKEN) throw limit('LIMIT_REACHED', 'updates: the run has taken', taken + asked, MAX_UPDATES_TAKEN);
  let running = 0;
  for (const { completedEventId } of state.updates?.values() ?? []) if (completedEventId === 0) running += 1;
  if (asked + running >= MAX_UPDATES_IN_FLIGHT)
    throw limit('OVERLOADED', 'updates: in flight at the run are', asked + running, MAX_UPDATES_IN_FLIGHT, 200);
  checkRoom(state);
}

function limit(reason: 'LIMIT_REACHED' | 'OVERLOADED', what: string, size: number, most: number, retryMs?: number): PerdureError {
  const facts = { field: 'updates', size: String(size), limit: String(most) };
  return new PerdureError(reason, `${what} ${size}, the limit is ${most}`, facts, retryMs);
}

/** Nobody waits for it any more: it is not asked, unless a worker has it. */
export function forgetUpdate({ state }: Transition, updateId: string): void {
  const { live } = state;
  if (live.updates === undefined || live.flight?.updates.some((request) => request.updateId === updateId)) return;
  live.updates.delete(updateId);
  if (live.updates.size === 0) live.updates = undefined;
}

/** Updates wait for a task. When main has ended and handlers still run, no more are asked. */
export function isAsking(state: RunState): boolean {
  if (state.live.updates === undefined && state.admitted === undefined) return false;
  return !state.live.waitingForHandlers;
}

const NOT_HANDLED = 'the worker neither accepted nor rejected the update';
const NONE: readonly UpdateRequest[] = [];

/** The updates of a task that is given out now: those of a fork first, as many as fit one answer. */
export function updatesForTask(state: RunState): readonly UpdateRequest[] {
  if (!isAsking(state)) return NONE;
  const chosen: UpdateRequest[] = [...(state.admitted?.values() ?? [])].slice(0, MAX_UPDATES_IN_FLIGHT);
  let bytes = 0;
  for (const update of state.live.updates?.values() ?? []) {
    bytes += update.bytes;
    if (chosen.length > 0 && bytes > MAX_POLL_ANSWER_BYTES) break;
    chosen.push(update.request);
  }
  return chosen;
}

/** Each update that came with the task and is not accepted is rejected: nobody is asked the same twice. Call before the commands. */
export function decideUpdates(
  t: Transition,
  flight: Flight,
  accepted: ReadonlySet<string> | undefined,
  rejected: readonly UpdateRejection[],
): void {
  for (const { updateId } of flight.updates) {
    if (accepted?.has(updateId)) continue;
    const failure = rejected.find((each) => each.updateId === updateId)?.failure ?? failureOf('service', NOT_HANDLED, 'UPDATE_NOT_HANDLED');
    tell(t, { kind: 'completed', updateId, outcome: { outcome: { $case: 'rejection', value: failure } } });
    if (t.state.admitted?.has(updateId)) mark(t, { $case: 'updateRejected', value: { updateId } });
  }
}

/** After the commands: what the task has decided is pending no more. */
export function dropDecided({ live }: RunState, flight: Flight): void {
  for (const { updateId } of flight.updates) live.updates?.delete(updateId);
  if (live.updates?.size === 0) live.updates = undefined;
}

/** Throws BAD_COMMAND when a rejection names what did not come with the task, or was accepted. */
export function checkRejections(flight: Flight, accepted: ReadonlySet<string> | undefined, rejected: readonly UpdateRejection[]): void {
  for (const { updateId } of rejected) {
    const delivered = flight.updates.some((request) => request.updateId === updateId);
    if (!delivered) throw badUpdate('rejected_updates', updateId, 'did not come with this task');
    if (accepted?.has(updateId)) throw badUpdate('rejected_updates', updateId, 'is accepted by the same completion');
  }
}

/** After a step: whoever waits for an update that can come no further is told. */
export function settleUpdates(t: Transition): void {
  const { state } = t;
  if (!isOpen(state)) {
    if (t.events.length === 0) return;
    for (const updateId of state.live.updates?.keys() ?? []) {
      if (t.successor === undefined) tell(t, { kind: 'refused', updateId, error: closed(state) });
      else tell(t, { kind: 'moved', updateId });
    }
    state.live.updates = undefined;
    for (const [updateId, { completedEventId }] of state.updates ?? [])
      if (completedEventId === 0) tell(t, { kind: 'refused', updateId, error: cutOff(state, updateId) });
  } else if (state.task.blockedSince > 0 && state.live.updates !== undefined && state.live.flight === undefined) {
    for (const updateId of state.live.updates.keys()) tell(t, { kind: 'refused', updateId, error: blocked(state) });
    state.live.updates = undefined;
  }
}

/** The run closed while the handler of an accepted update ran. */
export function cutOff(state: RunState, updateId: string): PerdureError {
  const { workflowId, runId } = state.identity;
  const status = statusName(state.status);
  const what = `update ${JSON.stringify(updateId)} was accepted, and run ${runId} of workflow "${workflowId}" has closed (${status}) before it was completed`;
  return new PerdureError('WORKFLOW_CLOSED', what, { workflow_id: workflowId, run_id: runId, status, update_id: updateId });
}

/** The refusal of a run whose workflow tasks fail. */
export function blocked(state: RunState): PerdureError {
  const { runId } = state.identity;
  const { attempt, failure } = state.task;
  return new PerdureError('RUN_BLOCKED', `run ${runId} fails its workflow tasks (attempt ${attempt}): ${failure?.message ?? ''}`);
}
