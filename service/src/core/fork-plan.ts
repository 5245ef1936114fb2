/**
 * Where a fork leaves its base run, and what of the events behind that place it takes over. A copy ends at the boundary of a
 * block: right before a WorkflowTaskCompleted (that task is done again) or right behind the last event its commands wrote.
 */
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { ReapplyKind, ResetPoint } from '@perdure/proto/perdure/api/v1/fork';
import type { ResetWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { badField, PerdureError } from '../errors.ts';
import type { EventCase, EventValue } from './concepts.ts';

export type ForkPoint = NonNullable<ResetWorkflowRequest['point']>;
type Attributes = NonNullable<HistoryEvent['attributes']>;

export interface ForkPlan {
  /** The last event of the copy. */
  readonly kept: number;
  /** What follows WorkflowForked, in old order. */
  readonly again: readonly Attributes[];
}

export interface ForkWishes {
  readonly point: ForkPoint;
  readonly excluded: readonly ReapplyKind[];
  readonly dropResults: boolean;
}

/** The updates that the base run is to ask and has not decided on, by their ids. */
export type Undecided = Pick<ReadonlyMap<string, unknown>, 'has'> | undefined;

/** Tells whether an event behind the cut is taken over. */
interface Copy {
  readonly kept: number;
  readonly wishes: ForkWishes;
  readonly undecided: Undecided;
  /** The step that is to run again, by the event that scheduled it; 0 if none is named. */
  readonly rerun: number;
  /** Activities whose cancellation was asked for in the copy. */
  readonly canceled: ReadonlySet<number>;
  /** Updates that the copy asks already: it is itself a fork. */
  readonly asking: ReadonlySet<string>;
}

type Rule<V> = 'left' | ((value: V, copy: Copy) => boolean);

const isOfCopy = (stepEventId: bigint, { kept }: Copy): boolean => Number(stepEventId) <= kept;

/** One entry per event: the compiler names what is missing. */
const RULES: { readonly [C in EventCase]: Rule<EventValue<C>> } = {
  workflowStarted: 'left',
  workflowCompleted: 'left',
  workflowFailed: 'left',
  workflowTimedOut: 'left',
  workflowCanceled: 'left',
  workflowTerminated: 'left',
  workflowContinuedAsNew: 'left',
  // Whoever asked to cancel asked the base run.
  workflowCancelRequested: 'left',
  workflowPropertiesUpserted: 'left',
  workflowForked: 'left',
  workflowPaused: 'left',
  workflowResumed: 'left',
  workflowTaskCompleted: 'left',
  activityScheduled: 'left',
  activityCompleted: ({ scheduledEventId }, copy) =>
    isOfCopy(scheduledEventId, copy) && !copy.wishes.dropResults && Number(scheduledEventId) !== copy.rerun,
  // Steps that failed are why runs are forked: they run again.
  activityFailed: 'left',
  activityTimedOut: 'left',
  activityCancelRequested: 'left',
  activityCanceled: ({ scheduledEventId, number }, copy) => isOfCopy(scheduledEventId, copy) && copy.canceled.has(number),
  markerRecorded: 'left',
  timerStarted: 'left',
  timerFired: ({ startedEventId }, copy) => isOfCopy(startedEventId, copy),
  timerCanceled: 'left',
  childWorkflowScheduled: 'left',
  // A child is started once, and tells its end once: whatever the fork keeps of its step, it keeps what came of it.
  childWorkflowStarted: ({ scheduledEventId }, copy) => isOfCopy(scheduledEventId, copy),
  childWorkflowStartFailed: ({ scheduledEventId }, copy) => isOfCopy(scheduledEventId, copy),
  childWorkflowCancelRequested: 'left',
  childWorkflowCompleted: ({ scheduledEventId }, copy) => isOfCopy(scheduledEventId, copy),
  childWorkflowFailed: ({ scheduledEventId }, copy) => isOfCopy(scheduledEventId, copy),
  childWorkflowTimedOut: ({ scheduledEventId }, copy) => isOfCopy(scheduledEventId, copy),
  childWorkflowCanceled: ({ scheduledEventId }, copy) => isOfCopy(scheduledEventId, copy),
  childWorkflowTerminated: ({ scheduledEventId }, copy) => isOfCopy(scheduledEventId, copy),
  externalSignalScheduled: 'left',
  externalSignalDelivered: ({ scheduledEventId }, copy) => isOfCopy(scheduledEventId, copy),
  externalSignalFailed: ({ scheduledEventId }, copy) => isOfCopy(scheduledEventId, copy),
  externalCancelScheduled: 'left',
  externalCancelDelivered: ({ scheduledEventId }, copy) => isOfCopy(scheduledEventId, copy),
  externalCancelFailed: ({ scheduledEventId }, copy) => isOfCopy(scheduledEventId, copy),
  // What the fork has not decided on is asked again; see asked().
  updateAccepted: ({ request }, { wishes, asking }) =>
    !wishes.excluded.includes(ReapplyKind.UPDATES) && !asking.has(request?.updateId ?? ''),
  updateCompleted: 'left',
  // Accepted since, it is asked again by that; rejected since, its sender has been told.
  updateAdmitted: ({ request }, { wishes, undecided }) =>
    !wishes.excluded.includes(ReapplyKind.UPDATES) && undecided?.has(request?.updateId ?? '') === true,
  workflowSignaled: (_value, { wishes }) => !wishes.excluded.includes(ReapplyKind.SIGNALS),
};

/** An update that was accepted behind the copy is asked again. */
function asked(attributes: Attributes): Attributes {
  if (attributes.$case !== 'updateAccepted') return attributes;
  return { $case: 'updateAdmitted', value: { request: attributes.value.request } };
}

/** Throws BAD_FIELD or NO_RESET_POINT when the log has no such place. `events` is the whole log, `undecided` is as of its end. */
export function planFork(events: readonly HistoryEvent[], wishes: ForkWishes, undecided: Undecided): ForkPlan {
  const { kept, rerun } = placeOf(events, wishes.point);
  const canceled = new Set<number>();
  const asking = new Set<string>();
  for (const { attributes } of events.slice(0, kept)) {
    if (attributes?.$case === 'activityCancelRequested') canceled.add(attributes.value.number);
    else if (attributes?.$case === 'updateAdmitted') asking.add(attributes.value.request?.updateId ?? '');
    else if (attributes?.$case === 'updateAccepted') asking.delete(attributes.value.request?.updateId ?? '');
  }
  const copy: Copy = { kept, wishes, undecided, rerun, canceled, asking };
  const again: Attributes[] = [];
  for (const { attributes } of events.slice(kept)) {
    if (attributes === undefined) continue;
    const rule = RULES[attributes.$case] as Rule<unknown>;
    if (rule !== 'left' && rule(attributes.value, copy)) again.push(asked(attributes));
  }
  return { kept, again };
}

interface Place {
  readonly kept: number;
  readonly rerun: number;
}

function placeOf(events: readonly HistoryEvent[], point: ForkPoint): Place {
  switch (point.$case) {
    case 'eventId':
      return { kept: boundaryAt(events, Number(point.value)), rerun: 0 };
    case 'buildId':
      return beforeTask(
        events.find(({ attributes }) => attributes?.$case === 'workflowTaskCompleted' && attributes.value.buildId === point.value),
        `no workflow task was completed by build "${point.value}"`,
      );
    case 'step':
      return behindStep(events, stepOf(events, point.value));
    case 'at':
      return placeAt(events, point.value);
  }
}

function placeAt(events: readonly HistoryEvent[], at: ResetPoint): Place {
  const isTask = ({ attributes }: HistoryEvent): boolean => attributes?.$case === 'workflowTaskCompleted';
  if (at === ResetPoint.FIRST_TASK) {
    // A run that has not completed a task begins anew behind its first event.
    const first = events.find(isTask);
    return { kept: first === undefined ? 1 : Number(first.id) - 1, rerun: 0 };
  }
  if (at === ResetPoint.LAST_TASK) return beforeTask(events.findLast(isTask), 'no workflow task was completed');
  if (at !== ResetPoint.LAST_FAILED_STEP) throw badField('at', `${at} is no reset point this service knows`);
  const failed = events.findLast(({ attributes }) => attributes?.$case === 'activityFailed' || attributes?.$case === 'activityTimedOut');
  const value = failed?.attributes?.value as { scheduledEventId: bigint } | undefined;
  if (value === undefined) throw missing('no step of the run has failed');
  return behindStep(events, Number(value.scheduledEventId));
}

function missing(why: string): PerdureError {
  return new PerdureError('NO_RESET_POINT', why);
}

function beforeTask(task: HistoryEvent | undefined, why: string): Place {
  if (task === undefined) throw missing(why);
  return { kept: Number(task.id) - 1, rerun: 0 };
}

/** The event that scheduled the named activity. */
function stepOf(
  events: readonly HistoryEvent[],
  { activityId, activityType, occurrence }: { activityId: string; activityType: string; occurrence: number },
): number {
  const found = events.filter(({ attributes }) => {
    if (attributes?.$case !== 'activityScheduled') return false;
    return activityId === '' ? attributes.value.activityType === activityType : attributes.value.activityId === activityId;
  });
  const wanted = occurrence === 0 ? found.at(-1) : found[occurrence - 1];
  if (wanted !== undefined) return Number(wanted.id);
  const name = activityId === '' ? `of type "${activityType}"` : `with id "${activityId}"`;
  throw missing(`the run has scheduled ${found.length} activities ${name}${occurrence > 0 ? `, none is number ${occurrence}` : ''}`);
}

/** The last event of the block that scheduled the step. */
function behindStep(events: readonly HistoryEvent[], stepEventId: number): Place {
  const task = completedIn(events[stepEventId - 1]);
  let kept = stepEventId;
  while (completedIn(events[kept]) === task) kept += 1;
  if (!isClose(events[kept - 1])) return { kept, rerun: stepEventId };
  // Its task closed the run as well: there is no place behind it from which the code could go on.
  return { kept: task - 1, rerun: 0 };
}

/** The C to whose block the event belongs; 0 when to none. */
function completedIn(event: HistoryEvent | undefined): number {
  return Number((event?.attributes?.value as { completedEventId?: bigint } | undefined)?.completedEventId ?? 0n);
}

const CLOSES: ReadonlySet<unknown> = new Set(['workflowCompleted', 'workflowFailed', 'workflowCanceled', 'workflowContinuedAsNew']);

function isClose(event: HistoryEvent | undefined): boolean {
  return CLOSES.has(event?.attributes?.$case);
}

/** The end of a copy that an event id asks for: before a C, or at the last event of a block. */
function boundaryAt(events: readonly HistoryEvent[], eventId: number): number {
  const ends = boundaries(events);
  const kept = ends.get(eventId);
  if (kept !== undefined) return kept;
  const known = [...ends.keys()];
  const near = [known.findLast((id) => id < eventId), known.find((id) => id > eventId)].filter((id) => id !== undefined);
  const hint = near.length === 0 ? 'the run has completed no workflow task yet' : `the nearest that are: ${near.join(', ')}`;
  throw badField('event_id', `${eventId} is neither a WorkflowTaskCompleted nor the last event of what one wrote; ${hint}`);
}

/** What may be named → the last event that is kept. */
function boundaries(events: readonly HistoryEvent[]): Map<number, number> {
  const ends = new Map<number, number>();
  for (const [index, event] of events.entries()) {
    const id = index + 1;
    if (event.attributes?.$case === 'workflowTaskCompleted') ends.set(id, id - 1);
    const block = completedIn(event);
    if (block > 0 && completedIn(events[index + 1]) !== block && !isClose(event)) ends.set(id, id);
  }
  return ends;
}
