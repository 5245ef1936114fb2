/**
 * Effects: what a run does outside of itself after a commit. They are part of the fold; nothing else is stored of them.
 *
 * | effect       | asked for by                       | answered by, while open              | by, once closed        |
 * |--------------|------------------------------------|--------------------------------------|------------------------|
 * | startChild   | ChildWorkflowScheduled             | ChildWorkflowStarted, …StartFailed   | EffectAcknowledged     |
 * | cancelChild  | ChildWorkflowCancelRequested       | EffectAcknowledged, the child's end  | EffectAcknowledged     |
 * | signal       | ExternalSignalScheduled            | ExternalSignalDelivered, …Failed     | EffectAcknowledged     |
 * | cancel       | ExternalCancelScheduled            | ExternalCancelDelivered, …Failed     | EffectAcknowledged     |
 * | notifyParent | the close of a child               | –                                    | EffectAcknowledged     |
 * | closeChild   | the close of a parent, after the answer to the child's start | –          | EffectAcknowledged     |
 *
 * Delivered at least once, those to one workflow id in order; the target takes each once, by (origin run, event id). A close
 * with a successor sends no notice. A closed run stays in memory until all is answered, whatever follows it.
 */
import { ParentClosePolicy } from '@perdure/proto/perdure/api/v1/child';
import type { Head, MarkFolds } from './concepts.ts';
import { type Child, isOpen, type RunState } from './state.ts';
import { mark, record, type Transition } from './transition.ts';

export type EffectKind = 'startChild' | 'cancelChild' | 'signal' | 'cancel' | 'notifyParent' | 'closeChild';

export interface Effect {
  readonly kind: EffectKind;
  /** The event that asked for it; for closeChild the one that asked for the child. No two effects of a run have the same at a time. */
  readonly eventId: number;
  /** The event with whose commit it may be delivered. */
  readonly after: number;
  /** Number of the child, or of the request to another workflow. */
  readonly number: number;
  /** Workflow id of the target. */
  readonly target: string;
}

/** What the target said. `runId`: the first run of a child's chain. */
export type EffectAnswer =
  | { readonly ok: true; readonly runId: string }
  | { readonly ok: false; readonly reason: string; readonly message: string };

/** The run has asked for something outside of itself that has not been answered. */
export function hasEffects(state: RunState): boolean {
  return state.effects !== undefined && state.effects.size > 0;
}

export function addEffect(state: RunState, effect: Effect): void {
  state.effects ??= new Map();
  state.effects.set(effect.eventId, effect);
  state.live.effectsWaiting = true;
}

/** Forgets what concerns a child that has ended or was never started. */
export function endChild(state: RunState, number: number): void {
  state.children?.delete(number);
  if (state.effects === undefined) return;
  for (const effect of state.effects.values()) {
    const isChild = effect.kind === 'startChild' || effect.kind === 'cancelChild' || effect.kind === 'closeChild';
    if (isChild && effect.number === number) state.effects.delete(effect.eventId);
  }
}

/** At a close: the policies of the children that are left apply, and a parent hears of the end of the chain. */
export function closeEffects(state: RunState, head: Head): void {
  for (const child of [...(state.children?.values() ?? [])]) if (isLeft(state, child)) leaveChild(state, child, head.id);
  const { parent } = state;
  if (parent === undefined || state.newRunId !== '') return;
  addEffect(state, { kind: 'notifyParent', eventId: head.id, after: head.id, number: 0, target: parent.workflowId });
}

/** Nobody goes on with the child when the run has closed: what follows it does not know it, but for a fork that has it in its copy. */
function isLeft({ adoptedUpTo }: RunState, { scheduledEventId }: Child): boolean {
  return adoptedUpTo === undefined || scheduledEventId > adoptedUpTo;
}

/** The run has closed: what is to become of the child, once its start has been answered. */
function leaveChild(state: RunState, child: Child, after: number): void {
  const { number, scheduledEventId, workflowId } = child;
  const isStarting = state.effects?.get(scheduledEventId)?.kind === 'startChild';
  if (isStarting) return;
  if (child.runId === '') endChild(state, number);
  else if (child.parentClosePolicy !== ParentClosePolicy.ABANDON) {
    addEffect(state, { kind: 'closeChild', eventId: scheduledEventId, after, number, target: workflowId });
  }
}

export const effectMarks: MarkFolds<'effectAcknowledged'> = {
  effectAcknowledged(state, value) {
    const effect = state.effects?.get(Number(value.eventId));
    if (effect === undefined) return;
    state.effects?.delete(effect.eventId);
    const { number } = effect;
    const child = state.children?.get(number);
    if (effect.kind === 'startChild' && child !== undefined) {
      child.runId = value.runId;
      child.request = undefined;
      if (value.runId === '') endChild(state, number);
      else if (isLeft(state, child)) leaveChild(state, child, state.nextEventId - 1);
    } else if (effect.kind === 'closeChild') endChild(state, number);
    else if (effect.kind === 'signal' || effect.kind === 'cancel') state.externals?.delete(number);
  },
};

/** Takes the answer to an effect. One that is not asked for any more, or was answered before, changes nothing. */
export function answerEffect(t: Transition, input: { effect: Effect; answer: EffectAnswer }): void {
  const { state } = t;
  const { effect, answer } = input;
  const { number, kind } = effect;
  if (state.effects?.get(effect.eventId)?.kind !== kind) return;
  const scheduledEventId = BigInt(effect.eventId);
  if (!isOpen(state) || kind === 'cancelChild' || kind === 'closeChild' || kind === 'notifyParent') {
    mark(t, { $case: 'effectAcknowledged', value: { eventId: scheduledEventId, runId: answer.ok ? answer.runId : '' } });
    return;
  }
  const why = answer.ok ? undefined : { reason: answer.reason, message: answer.message };
  if (kind === 'startChild') {
    if (why === undefined) {
      const runId = answer.ok ? answer.runId : '';
      record(t, { $case: 'childWorkflowStarted', value: { number, scheduledEventId, runId } });
    } else {
      record(t, { $case: 'childWorkflowStartFailed', value: { number, scheduledEventId, ...why } });
      failRequestsToChild(t, number, why.reason, 'the child was not started');
    }
  } else if (kind === 'signal') {
    if (why === undefined) record(t, { $case: 'externalSignalDelivered', value: { number, scheduledEventId } });
    else record(t, { $case: 'externalSignalFailed', value: { number, scheduledEventId, ...why } });
  } else if (why === undefined) record(t, { $case: 'externalCancelDelivered', value: { number, scheduledEventId } });
  else record(t, { $case: 'externalCancelFailed', value: { number, scheduledEventId, ...why } });
}

/** There is no child to take them. */
export function failRequestsToChild(t: Transition, childNumber: number, reason: string, message: string): void {
  const { externals } = t.state;
  if (externals === undefined) return;
  for (const request of [...externals.values()]) {
    if (request.childNumber !== childNumber) continue;
    const value = { number: request.number, scheduledEventId: BigInt(request.scheduledEventId), reason, message };
    record(t, request.kind === 'signal' ? { $case: 'externalSignalFailed', value } : { $case: 'externalCancelFailed', value });
  }
}
