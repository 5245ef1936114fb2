/**
 * Signals and cancel requests to other workflows: to any by its id, or to a child by its number.
 *
 * | state     | command                             | target took it | target refuses it | child not started     | run closes                |
 * |-----------|-------------------------------------|----------------|-------------------|-----------------------|---------------------------|
 * | (none)    | Scheduled → scheduled; at once Failed for a child that has ended | – | – | –                     | –                         |
 * | scheduled | BAD_COMMAND                         | Delivered → ended | Failed → ended | Failed → ended        | still delivered           |
 * | ended     | BAD_COMMAND                         | nothing        | nothing           | –                     | –                         |
 *
 * What a run sends to one workflow arrives in the order it was sent, each once: the target knows it by (origin run, event).
 */
import { PerdureError } from '../errors.ts';
import type { CheckContext, CommandRules, EventFolds, Head } from './concepts.ts';
import { deliver } from './concepts.ts';
import { addEffect } from './effects.ts';
import { MAX_PENDING_CANCELS_OUT, MAX_PENDING_SIGNALS_OUT } from './limits.ts';
import { overLimit } from './over-limit.ts';
import type { ExternalRequest, RunState, StepName } from './state.ts';
import { record, type Transition } from './transition.ts';

type ExternalEvents =
  | 'externalSignalScheduled'
  | 'externalSignalDelivered'
  | 'externalSignalFailed'
  | 'externalCancelScheduled'
  | 'externalCancelDelivered'
  | 'externalCancelFailed';

export const externalFolds: EventFolds<ExternalEvents> = {
  externalSignalScheduled: (state, value, head) => schedule(state, head, { ...value, kind: 'signal' }),
  externalSignalDelivered: end,
  externalSignalFailed: end,
  externalCancelScheduled: (state, value, head) =>
    schedule(state, head, { ...value, kind: 'cancel', signalName: '', input: [], header: undefined }),
  externalCancelDelivered: end,
  externalCancelFailed: end,
};

type Scheduled = Pick<ExternalRequest, 'kind' | 'number' | 'childNumber' | 'signalName' | 'input' | 'header'> & {
  readonly target: { workflowId: string; runId: string } | undefined;
  readonly reason?: string;
};

function schedule(state: RunState, head: Head, value: Scheduled): void {
  const { kind, number, childNumber, signalName, input, header } = value;
  const child = childNumber === 0 ? undefined : state.children?.get(childNumber);
  const workflowId = childNumber === 0 ? (value.target?.workflowId ?? '') : (child?.workflowId ?? '');
  state.lastExternal = number;
  state.externals ??= new Map();
  state.externals.set(number, {
    kind,
    number,
    originRunId: state.originRunId,
    scheduledEventId: head.id,
    scheduledAt: head.time,
    childNumber,
    child: child === undefined ? undefined : nameOf(child),
    workflowId,
    runId: value.target?.runId ?? '',
    signalName,
    input,
    header,
    reason: value.reason ?? '',
  });
  // To a child that has ended nothing is sent: the request fails with the next event, or is forgotten by the close.
  if (workflowId !== '') addEffect(state, { kind, eventId: head.id, after: head.id, number, target: workflowId });
}

function end(state: RunState, { number }: { number: number }, head: Head): void {
  const request = state.externals?.get(number);
  if (request !== undefined) state.effects?.delete(request.scheduledEventId);
  state.externals?.delete(number);
  deliver(state, head);
}

function nameOf({ originRunId, scheduledEventId, scheduledAt }: StepName): StepName {
  return { originRunId, scheduledEventId, scheduledAt };
}

/** At the close: what is to be sent is kept, the rest is not. */
export function closeExternals(state: RunState): void {
  if (state.externals === undefined) return;
  for (const { number, scheduledEventId } of state.externals.values())
    if (state.effects?.has(scheduledEventId) !== true) state.externals.delete(number);
}

export const externalCommands: CommandRules<'signalExternal' | 'cancelExternal'> = {
  signalExternal: {
    check(context, value) {
      checkTarget('signalExternal', context, value);
      if (value.signalName === '') throw bad('signalExternal', 'signal_name: must not be empty');
      context.newSignalsOut += 1;
      checkPending(context, 'signalExternal', 'signal', context.newSignalsOut, MAX_PENDING_SIGNALS_OUT);
    },
    apply(t, value, completedEventId) {
      record(t, { $case: 'externalSignalScheduled', value: { ...value, completedEventId } });
    },
    caused: (t, value) => failIfEnded(t, value.number),
  },
  cancelExternal: {
    check(context, value) {
      checkTarget('cancelExternal', context, value);
      context.newCancelsOut += 1;
      checkPending(context, 'cancelExternal', 'cancel', context.newCancelsOut, MAX_PENDING_CANCELS_OUT);
    },
    apply(t, value, completedEventId) {
      record(t, { $case: 'externalCancelScheduled', value: { ...value, completedEventId } });
    },
    caused: (t, value) => failIfEnded(t, value.number),
  },
};

type Named = { readonly number: number; readonly childNumber: number; readonly target: { workflowId: string; runId: string } | undefined };

function checkTarget(command: string, context: CheckContext, value: Named): void {
  if (value.number <= context.lastExternal)
    throw bad(command, `number: ${value.number} does not fit, the last request of the run to others has number ${context.lastExternal}`);
  if (value.childNumber > context.lastChild) throw bad(command, `child_number: ${value.childNumber} was never scheduled`);
  if (value.childNumber === 0 && (value.target?.workflowId ?? '') === '') throw bad(command, 'target.workflow_id: must not be empty');
  if (value.childNumber > 0 && value.target !== undefined) throw bad(command, 'target: must be absent when child_number is given');
  context.lastExternal = value.number;
}

function checkPending(context: CheckContext, command: string, kind: ExternalRequest['kind'], added: number, most: number): void {
  let open = added;
  for (const request of context.state.externals?.values() ?? []) if (request.kind === kind) open += 1;
  if (open > most) {
    throw overLimit('BAD_COMMAND', `${command}.number`, {
      size: open,
      limit: most,
      what: `${kind}s to other workflows wait for an answer`,
    });
  }
}

/** The child has ended, or was canceled before it was started. */
function failIfEnded(t: Transition, number: number): void {
  const request = t.state.externals?.get(number);
  if (request === undefined || request.workflowId !== '') return;
  const message = `child ${request.childNumber} of the run has ended`;
  const value = { number, scheduledEventId: BigInt(request.scheduledEventId), reason: 'WORKFLOW_CLOSED', message };
  record(t, request.kind === 'signal' ? { $case: 'externalSignalFailed', value } : { $case: 'externalCancelFailed', value });
}

function bad(command: string, problem: string): PerdureError {
  return new PerdureError('BAD_COMMAND', `${command}.${problem}`);
}
