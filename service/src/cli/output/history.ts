/** A run's history as rows for people: what happened, in the words a reader needs to follow it. */
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { MarkerRecorded } from '@perdure/proto/perdure/api/v1/marker';
import { failureText } from '../workflow/failure.ts';
import { durationText, payloadToPlain, searchAttributesToPlain, timeText, toPlain } from './plain.ts';

export const HISTORY_HEADER: readonly string[] = ['ID', 'TIME', 'EVENT', 'DETAILS'];

/** One row of the table. */
export function historyRow(event: HistoryEvent): string[] {
  return [String(event.id), timeText(event.time) ?? '', eventName(event), eventDetails(event)];
}

/** The event's type, for example "ActivityScheduled". */
export function eventName({ attributes }: HistoryEvent): string {
  const name = attributes?.$case ?? 'Unknown';
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** The event as flat JSON: id, time, type, then the attributes. */
export function eventToPlain(event: HistoryEvent): object {
  return { id: event.id, time: event.time, type: eventName(event), ...event.attributes?.value };
}

type Attributes = NonNullable<HistoryEvent['attributes']>;
type Details = { [Case in Attributes['$case']]: (value: Extract<Attributes, { $case: Case }>['value']) => string[] };

/** Typed by the oneof, so that a new kind of event cannot be forgotten here. */
const DETAILS: Details = {
  workflowStarted: (e) => [
    e.workflowType,
    args(e.input),
    `queue ${e.taskQueue}`,
    e.startDelay === undefined ? '' : after(e.startDelay),
    e.continuation === undefined ? '' : `follows run ${e.continuation.runId}`,
  ],
  workflowCompleted: (e) => [value(e.result), next(e.newRunId)],
  workflowFailed: (e) => [failureText(e.failure), next(e.newRunId)],
  workflowTimedOut: (e) => [`${String(toPlain(e.timeoutType, 'timeoutType'))} timeout`, next(e.newRunId)],
  workflowContinuedAsNew: (e) => [e.workflowType, next(e.newRunId)],
  workflowCanceled: (e) => [args(e.details)],
  workflowTerminated: (e) => [e.reason, by(e.identity), e.newRunId === '' ? '' : `run ${e.newRunId} goes on`],
  workflowCancelRequested: (e) => [e.reason, by(e.identity)],
  workflowPropertiesUpserted: (e) => [
    JSON.stringify({ ...plainObject(e.memo), ...(searchAttributesToPlain(e.searchAttributes) as object) }),
  ],
  workflowTaskCompleted: (e) => [`seen ${e.seenEventId}`, by(e.identity)],
  activityScheduled: (e) => [activity(e.activityId, e.activityType), args(e.input)],
  activityCompleted: (e) => [activityNumber(e.number), `attempt ${e.attempt}`, value(e.result)],
  activityFailed: (e) => [activityNumber(e.number), `attempt ${e.attempt}`, failureText(e.failure)],
  activityTimedOut: (e) => [activityNumber(e.number), `attempt ${e.attempt}`, `${String(toPlain(e.timeoutType, 'timeoutType'))} timeout`],
  activityCancelRequested: (e) => [activityNumber(e.number)],
  activityCanceled: (e) => [activityNumber(e.number), `attempt ${e.attempt}`],
  timerStarted: (e) => [`timer ${e.number}`, after(e.duration)],
  timerFired: (e) => [`timer ${e.number}`],
  timerCanceled: (e) => [`timer ${e.number}`],
  workflowForked: (e) => [`from run ${e.baseRunId}`, e.reason, by(e.identity)],
  workflowPaused: (e) => [e.reason, by(e.identity)],
  workflowResumed: (e) => [e.reason, by(e.identity)],
  childWorkflowScheduled: (e) => [child(e.number), e.workflowType, JSON.stringify(e.workflowId), args(e.input)],
  childWorkflowStarted: (e) => [child(e.number), `run ${e.runId}`],
  childWorkflowStartFailed: (e) => [child(e.number), e.reason, e.message],
  childWorkflowCancelRequested: (e) => [child(e.number), e.reason],
  childWorkflowCompleted: (e) => [child(e.number), value(e.result)],
  childWorkflowFailed: (e) => [child(e.number), failureText(e.failure)],
  childWorkflowTimedOut: (e) => [child(e.number), `${String(toPlain(e.timeoutType, 'timeoutType'))} timeout`],
  childWorkflowCanceled: (e) => [child(e.number), e.runId === '' ? 'never started' : '', args(e.details)],
  childWorkflowTerminated: (e) => [child(e.number), e.reason, by(e.identity)],
  externalSignalScheduled: (e) => [request(e.number), e.signalName, target(e), args(e.input)],
  externalSignalDelivered: (e) => [request(e.number)],
  externalSignalFailed: (e) => [request(e.number), e.reason, e.message],
  externalCancelScheduled: (e) => [request(e.number), target(e), e.reason],
  externalCancelDelivered: (e) => [request(e.number)],
  externalCancelFailed: (e) => [request(e.number), e.reason, e.message],
  updateAccepted: (e) => [
    e.request?.updateName ?? '',
    e.request?.updateId ?? '',
    args(e.request?.args ?? []),
    by(e.request?.identity ?? ''),
  ],
  updateCompleted: (e) => [e.updateId, e.outcome?.$case === 'failure' ? failureText(e.outcome.value) : value(e.outcome?.value)],
  updateAdmitted: (e) => [e.request?.updateName ?? '', e.request?.updateId ?? '', args(e.request?.args ?? [])],
  markerRecorded: (e) => markerDetails(e.marker),
  workflowSignaled: (e) => [e.signalName, args(e.input), by(e.identity)],
};

function markerDetails(marker: MarkerRecorded['marker']): string[] {
  switch (marker?.$case) {
    case 'sideEffect':
      return [`side effect ${marker.value.number}`, value(marker.value.result)];
    case 'patch':
      return [`patch ${marker.value.patchId}`, marker.value.deprecated ? 'deprecated' : ''];
    case 'localActivity': {
      const { number, activityType, attempt, outcome } = marker.value;
      const head = [`local activity ${number} ${activityType}`, `attempt ${attempt}`];
      if (outcome?.$case === 'result') return [...head, value(outcome.value)];
      if (outcome?.$case === 'backoff') return [...head, failureText(outcome.value.failure), `again ${after(outcome.value.delay)}`];
      return [...head, failureText(outcome?.value)];
    }
    case undefined:
      return ['(a marker this version does not know)'];
  }
}

function eventDetails({ attributes }: HistoryEvent): string {
  if (attributes === undefined) return '(an event this version does not know)';
  const details = DETAILS[attributes.$case] as (value: unknown) => string[];
  return details(attributes.value)
    .filter((part) => part !== '')
    .join('  ');
}

type Payloads = Parameters<typeof payloadToPlain>[0][];

function args(payloads: Payloads): string {
  return payloads.length === 0 ? '' : payloads.map((payload) => JSON.stringify(payloadToPlain(payload))).join(', ');
}

function value(payload: Payloads[number] | undefined): string {
  return payload === undefined ? '' : JSON.stringify(payloadToPlain(payload));
}

function plainObject(message: object): object {
  return toPlain(message) as object;
}

function activity(id: string, type: string): string {
  return `activity ${id} ${type}`;
}

function activityNumber(number: number): string {
  return `activity ${number}`;
}

function child(number: number): string {
  return `child ${number}`;
}

function request(number: number): string {
  return `request ${number}`;
}

function target({ childNumber, target: to }: { childNumber: number; target: { workflowId: string } | undefined }): string {
  return `to ${childNumber > 0 ? child(childNumber) : JSON.stringify(to?.workflowId ?? '')}`;
}

function after(duration: Parameters<typeof durationText>[0]): string {
  return `after ${durationText(duration) ?? '0s'}`;
}

function next(runId: string): string {
  return runId === '' ? '' : `next run ${runId}`;
}

function by(identity: string): string {
  return identity === '' ? '' : `by ${identity}`;
}
