// What a run does outside of itself, told a second time from its events and marks alone; and the draws that ask for it and answer it.
import { ParentClosePolicy, ScheduleChildWorkflowCommand } from '@perdure/proto/perdure/api/v1/child';
import type { Command } from '@perdure/proto/perdure/api/v1/command';
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { TimeoutType } from '@perdure/proto/perdure/api/v1/failure';
import type { Mark } from '@perdure/proto/perdure/server/v1/mark';
import type { ChildNotice } from '../../../src/core/child.ts';
import type { Effect, EffectAnswer } from '../../../src/core/effects.ts';
import type { RunState } from '../../../src/core/state.ts';

interface KnownChild {
  readonly eventId: number;
  readonly abandoned: boolean;
  /** '' until it is known to run. */
  runId: string;
  canceled: boolean;
}

/** Effects as the events ask for them: `kind eventId`. */
export interface EffectModel {
  readonly open: Set<string>;
  readonly children: Map<number, KnownChild>;
  readonly requests: Map<number, { readonly eventId: number; readonly kind: 'signal' | 'cancel' }>;
  parent: boolean;
  /** Closed by a reset: children asked for up to this event are the fork's. */
  adoptedUpTo: number;
}

export function newEffectModel(): EffectModel {
  return { open: new Set(), children: new Map(), requests: new Map(), parent: false, adoptedUpTo: 0 };
}

const CLOSES: ReadonlySet<unknown> = new Set([
  'workflowCompleted',
  'workflowFailed',
  'workflowCanceled',
  'workflowTimedOut',
  'workflowTerminated',
  'workflowContinuedAsNew',
]);

export function takeEvent(model: EffectModel, { id, attributes }: HistoryEvent): void {
  const eventId = Number(id);
  if (attributes === undefined) return;
  if (CLOSES.has(attributes.$case)) return takeClose(model, eventId, attributes.value as { newRunId?: string; keptEventId?: bigint });
  switch (attributes.$case) {
    case 'workflowStarted':
      model.parent = attributes.value.parent !== undefined;
      return;
    case 'childWorkflowScheduled': {
      const abandoned = attributes.value.parentClosePolicy === ParentClosePolicy.ABANDON;
      model.children.set(attributes.value.number, { eventId, abandoned, runId: '', canceled: false });
      model.open.add(`startChild ${eventId}`);
      return;
    }
    case 'childWorkflowStarted': {
      const child = model.children.get(attributes.value.number);
      if (child === undefined) return;
      child.runId = attributes.value.runId;
      model.open.delete(`startChild ${child.eventId}`);
      return;
    }
    case 'childWorkflowCancelRequested':
      return takeCancel(model, attributes.value.number, eventId, Number(attributes.value.completedEventId));
    case 'childWorkflowStartFailed':
    case 'childWorkflowCompleted':
    case 'childWorkflowFailed':
    case 'childWorkflowTimedOut':
    case 'childWorkflowCanceled':
    case 'childWorkflowTerminated':
      endChild(model, attributes.value.number);
      return;
    case 'externalSignalScheduled':
    case 'externalCancelScheduled': {
      const kind = attributes.$case === 'externalSignalScheduled' ? 'signal' : 'cancel';
      model.requests.set(attributes.value.number, { eventId, kind });
      if (attributes.value.childNumber === 0 || model.children.has(attributes.value.childNumber)) model.open.add(`${kind} ${eventId}`);
      return;
    }
    case 'externalSignalDelivered':
    case 'externalSignalFailed':
    case 'externalCancelDelivered':
    case 'externalCancelFailed': {
      const request = model.requests.get(attributes.value.number);
      model.open.delete(`${request?.kind} ${request?.eventId}`);
      return;
    }
    default:
      return;
  }
}

function takeCancel(model: EffectModel, number: number, eventId: number, completedEventId: number): void {
  const child = model.children.get(number);
  if (child === undefined || child.canceled) return;
  child.canceled = true;
  if (child.eventId > completedEventId) model.open.delete(`startChild ${child.eventId}`);
  else model.open.add(`cancelChild ${eventId} of ${number}`);
}

function endChild(model: EffectModel, number: number): void {
  const child = model.children.get(number);
  model.children.delete(number);
  for (const key of [...model.open]) if (key.endsWith(` of ${number}`)) model.open.delete(key);
  model.open.delete(`startChild ${child?.eventId}`);
}

/** R-CHILD-4, R-CHILD-5: whatever follows, the policies apply; only a run that nothing follows tells its parent. */
function takeClose(
  model: EffectModel,
  eventId: number,
  { newRunId = '', keptEventId = 0n }: { newRunId?: string; keptEventId?: bigint },
): void {
  model.adoptedUpTo = Number(keptEventId);
  for (const number of model.children.keys()) applyPolicy(model, number);
  if (model.parent && newRunId === '') model.open.add(`notifyParent ${eventId}`);
}

function applyPolicy(model: EffectModel, number: number): void {
  const child = model.children.get(number) as KnownChild;
  if (child.eventId <= model.adoptedUpTo || child.abandoned) return;
  if (model.open.has(`startChild ${child.eventId}`) || child.runId === '') return;
  model.open.add(`closeChild ${child.eventId}`);
}

export function takeMark(model: EffectModel, { attributes }: Mark): void {
  if (attributes?.$case !== 'effectAcknowledged') return;
  const { eventId, runId } = attributes.value;
  const key = [...model.open].find((each) => each.split(' ')[1] === String(eventId)) ?? '';
  model.open.delete(key);
  if (!key.startsWith('startChild') && !key.startsWith('closeChild')) return;
  const [number, child] = [...model.children].find((entry) => BigInt(entry[1].eventId) === eventId) ?? [];
  if (number === undefined || child === undefined) return;
  child.runId = runId;
  if (runId === '' || key.startsWith('closeChild')) endChild(model, number);
  else applyPolicy(model, number);
}

/** The same, of the effects a run has. */
export function keysOf(effects: readonly Effect[]): string[] {
  return effects.map(({ kind, eventId, number }) => `${kind} ${eventId}${kind === 'cancelChild' ? ` of ${number}` : ''}`);
}

/** A command that asks for something outside; `last` counts the steps used so far. */
export function outsideCommandOf(last: { child: number; external: number }, n: number): Command['attributes'] {
  const child = 1 + (n % Math.max(1, last.child));
  if (n % 5 === 1 && child <= last.child) return { $case: 'cancelChildWorkflow', value: { number: child, reason: '' } };
  if (n % 5 > 2) {
    last.external += 1;
    const isChild = n % 2 === 0 && child <= last.child;
    const named = { number: last.external, target: isChild ? undefined : { workflowId: `w${n % 3}`, runId: '' } };
    const value = { ...named, childNumber: isChild ? child : 0, callSite: '' };
    return n % 5 === 3
      ? { $case: 'signalExternal', value: { ...value, signalName: 'go', input: [], header: undefined } }
      : { $case: 'cancelExternal', value: { ...value, reason: '' } };
  }
  last.child += 1;
  return {
    $case: 'scheduleChildWorkflow',
    value: ScheduleChildWorkflowCommand.create({
      number: last.child,
      workflowId: `w${n % 3}`,
      workflowType: 'pay',
      parentClosePolicy: (n % 4) as ParentClosePolicy,
    }),
  };
}

/** An answer to one of the effects, at times to one that is gone. */
export function answerOf(state: RunState, a: number, b: number): { effect: Effect; answer: EffectAnswer } | undefined {
  const effects = [...(state.effects?.values() ?? [])];
  const effect = effects[a % Math.max(1, effects.length)];
  if (effect === undefined) return undefined;
  const answer: EffectAnswer = b % 4 === 0 ? { ok: false, reason: 'WORKFLOW_NOT_FOUND', message: 'gone' } : { ok: true, runId: `run-${a}` };
  return { effect: b % 16 === 5 ? { ...effect, kind: 'signal', eventId: effect.eventId + 1 } : effect, answer };
}

/** The end of a child that is open, at times of one that is not. */
export function noticeOf(state: RunState, a: number, b: number): ChildNotice {
  const children = [...(state.children?.values() ?? [])];
  const child = children[a % Math.max(1, children.length)];
  const closings: HistoryEvent['attributes'][] = [
    { $case: 'workflowCompleted', value: { completedEventId: 2n, result: undefined, newRunId: '' } },
    { $case: 'workflowFailed', value: { completedEventId: 2n, failure: undefined, newRunId: '', retryState: 0 } },
    { $case: 'workflowTimedOut', value: { timeoutType: TimeoutType.RUN, newRunId: '', retryState: 0 } },
    { $case: 'workflowCanceled', value: { completedEventId: 2n, details: [] } },
    { $case: 'workflowTerminated', value: { reason: '', details: [], identity: '', requestId: '', newRunId: '', keptEventId: 0n } },
  ];
  return {
    originRunId: b % 8 === 7 ? 'another' : (child?.originRunId ?? 'run-1'),
    scheduledEventId: (child?.scheduledEventId ?? 3) + (b % 8 === 6 ? 1 : 0),
    number: child?.number ?? 1,
    firstRunId: 'first',
    runId: 'last',
    closing: closings[b % 5],
  };
}
