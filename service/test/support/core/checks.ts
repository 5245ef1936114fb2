// What must hold after every step of a run, whatever its inputs were: used by the properties of the core.
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import type { ActivityTaskToken } from '@perdure/proto/perdure/server/v1/token';
import { dueTime } from '../../../src/core/activity.ts';
import type { Successor } from '../../../src/core/chain.ts';
import { readCheckpoint, writeCheckpoint } from '../../../src/core/checkpoint.ts';
import type { ForkWishes } from '../../../src/core/fork-plan.ts';
import { decodeFrame, splitFrames } from '../../../src/core/frames.ts';
import type { StartInput } from '../../../src/core/inputs.ts';
import { nextDue, outstanding, wakeAt } from '../../../src/core/outstanding.ts';
import { isOpen, type RunState } from '../../../src/core/state.ts';
import type { InputKind, Inputs } from '../../../src/core/step.ts';
import { fromDuration, fromTimestamp } from '../../../src/core/time.ts';
import type { Transition } from '../../../src/core/transition.ts';
import { isTaskDue } from '../../../src/core/workflow-task.ts';
import { PerdureError } from '../../../src/errors.ts';
import { type EffectModel, keysOf, newEffectModel, takeEvent, takeMark } from './effects.ts';
import { type Forked, forkRun } from './fork.ts';
import { leftOut, plain } from './plain.ts';
import { apply, foldLog, newRun, nextRun, type Run, reload } from './run.ts';

const RETENTION_MS = 1_000;

function must(holds: boolean, rule: string): void {
  if (!holds) throw new Error(`broken: ${rule}`);
}

function same(actual: unknown, wanted: unknown, rule: string): void {
  const [one, other] = [actual, wanted].map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
  if (one === other) return;
  const lines = (text = ''): string[] => text.split('\n');
  const differ = lines(one).flatMap((line, n) => (line === lines(other)[n] ? [] : [`${line}   <>   ${lines(other)[n]}`]));
  throw new Error(`broken: ${rule}:\n${differ.slice(0, 10).join('\n')}`);
}

/** A run with all that was seen of it from outside. */
export interface Checked {
  run: Run;
  /** Nonces of tasks given out, oldest first. */
  readonly nonces: Set<string>;
  readonly handedOut: ActivityTaskToken[];
  /** References that matching holds. */
  offeredTask: boolean;
  /** An update was sent: a reference may outlive what it was for. */
  asked: boolean;
  /** Updates by id: true when completed. */
  readonly updates: Map<string, boolean>;
  readonly offeredActivities: Set<string>;
  claims: number;
  clockSteppedBack: boolean;
  effects: EffectModel;
  /** Effects that were told to be delivered. */
  readonly delivered: Set<string>;
  readonly followUps: { taken: number; leftOut: number };
  /** Due times of open timers, as the events say. */
  readonly timers: Map<number, number>;
  readonly endedActivities: Set<number>;
  /** Kinds of all events and marks, to see what the draws reach. */
  readonly kinds: Set<string>;
  /** Events that hold the run or let it go. */
  readonly holds: number[];
  lastEventId: number;
  lastEventAt: number;
  /** Completed tasks with the code's clock, and how much happened that each had not seen. */
  readonly tasks: { readonly id: number; readonly seen: number; readonly startedAt: number; unseen: number }[];
}

export function startChecked(input: StartInput): Checked {
  const checked: Checked = {
    run: newRun(),
    nonces: new Set(),
    handedOut: [],
    offeredTask: false,
    asked: false,
    updates: new Map(),
    offeredActivities: new Set(),
    claims: 0,
    clockSteppedBack: false,
    effects: newEffectModel(),
    delivered: new Set(),
    followUps: { taken: 0, leftOut: 0 },
    timers: new Map(),
    endedActivities: new Set(),
    kinds: new Set(),
    holds: [],
    lastEventId: 0,
    lastEventAt: 0,
    tasks: [],
  };
  stepChecked(checked, 'start', input);
  return checked;
}

/** Steps the run, handles what is due, and checks. Returns the answer, undefined when the input was refused. */
export function stepChecked<K extends InputKind>(
  checked: Checked,
  kind: K,
  input: Inputs[K][0],
  completing?: WorkflowTaskCompletion,
): Inputs[K][1] | undefined {
  const { run } = checked;
  const stepped = apply(run, kind, input);
  const events = take(checked, stepped.transition);
  if (completing !== undefined && stepped.refused === undefined) checkCompleted(checked, kind, stepped.answer, events, completing);
  handleDue(checked);
  checkLeft(checked);
  return stepped.refused === undefined ? stepped.answer : undefined;
}

/** What a completion wrote; that of a follow-up stands behind the end of its attempt. R-TASK-9. */
function checkCompleted(
  checked: Checked,
  kind: InputKind,
  answer: unknown,
  events: readonly HistoryEvent[],
  completing: WorkflowTaskCompletion,
): void {
  const completed = answer as { completedEventId: number } | undefined;
  if (kind !== 'completeActivity') {
    checkBlock(events, completing, completed?.completedEventId ?? 0);
    return;
  }
  const [end, ...block] = events;
  must(end?.attributes?.$case === 'activityCompleted', 'the end is recorded, whatever becomes of its follow-up');
  checked.followUps[completed === undefined ? 'leftOut' : 'taken'] += 1;
  if (completed === undefined) {
    must(
      block.length === 0 && (isTaskDue(checked.run.state) || checked.run.state.paused !== undefined),
      'a follow-up that is left out writes nothing, and a task is due',
    );
    const nonce = checked.run.state.live.flight?.nonce;
    must(nonce === undefined || checked.nonces.has(nonce), 'a follow-up that is left out leaves no task behind');
    return;
  }
  must(completed.completedEventId === Number(end?.id) + 1, 'a follow-up follows the end directly');
  const [before, seen] = checked.tasks.slice(-2);
  must(seen?.seen === Number(end?.id), 'a follow-up has seen the end');
  must(before?.unseen === 1, 'the end is all that happened since the task before');
  checkBlock(block, completing, completed.completedEventId);
}

/** Another owner takes over. */
export function reloadChecked(checked: Checked): void {
  checkLog(checked);
  checked.offeredTask = false;
  checked.offeredActivities.clear();
  checked.delivered.clear();
  take(checked, reload(checked.run));
  handleDue(checked);
  checkLeft(checked);
}

/** The run's fork takes its place, if there is such a place. R-RESET-1, R-RESET-2, R-RESET-3 */
export function forkChecked(checked: Checked, wishes: ForkWishes): void {
  let forked: Forked;
  try {
    forked = forkRun(checked.run, wishes);
  } catch (error) {
    must(error instanceof PerdureError, 'a place that is not there is refused');
    return;
  }
  const { plan, copied, marks, run, transition } = forked;
  checked.run = run;
  checked.offeredTask = false;
  checked.offeredActivities.clear();
  checked.nonces.clear();
  checked.handedOut.length = 0;
  checked.timers.clear();
  checked.endedActivities.clear();
  checked.tasks.length = 0;
  checked.holds.length = 0;
  checked.updates.clear();
  checked.delivered.clear();
  checked.effects = newEffectModel();
  for (const event of copied) {
    takeEvent(checked.effects, event);
    for (const mark of marks) if (mark.afterEventId === event.id) takeMark(checked.effects, mark);
    takeUpdate(checked, event);
    takeTimer(checked, event, true);
    takeOutcome(checked, event);
    takeTask(checked, event);
    must(!isClose(event), 'a copy is open');
  }
  checked.lastEventId = plan.kept;
  checked.lastEventAt = fromTimestamp(copied.at(-1)?.time);
  must(!run.log[0] || plan.kept === copied.length, 'the copy is the beginning of the log');
  const [first] = take(checked, transition);
  must(first?.attributes?.$case === 'workflowForked', 'what follows the copy is WorkflowForked');
  must(run.state.paused === undefined && run.state.task.attempt === 1, 'a fork is neither paused nor blocked');
  must(isTaskDue(run.state), 'its code has something to see');
  for (const { attempt, startedAt } of run.state.activities.values())
    must(attempt === 1 && startedAt === 0, 'what is open in a copy begins again');
  handleDue(checked);
  checkLeft(checked);
}

/** What is due is handled in a few steps, not in an endless row of them. */
function handleDue(checked: Checked): void {
  const { run } = checked;
  let steps = 0;
  for (; nextDue(run.state) <= run.now && steps < 20; steps += 1) take(checked, apply(run, 'due', undefined).transition);
  must(steps < 20, 'what is due is handled in a few steps');
}

/** Takes what a transition wrote and offered. R-LOG-1, R-LOG-4, R-TIMER-1, R-TIMER-2, R-ACT-5. */
function take(checked: Checked, transition: Transition): HistoryEvent[] {
  const events = transition.events.map(({ frame }) => decodeFrame(frame));
  for (const [index, event] of events.entries()) {
    must(Number(event.id) === checked.lastEventId + 1, `event ${event.id} follows event ${checked.lastEventId}`);
    must(fromTimestamp(event.time) >= checked.lastEventAt, `event ${event.id} is not before the one before it`);
    checked.lastEventId += 1;
    checked.lastEventAt = fromTimestamp(event.time);
    must(!isClose(event) || index === events.length - 1, 'nothing follows a close');
    checked.kinds.add(event.attributes?.$case ?? '');
    takePause(checked, event);
    takeTimer(checked, event);
    takeOutcome(checked, event);
    takeTask(checked, event);
    takeEvent(checked.effects, event);
    takeUpdate(checked, event);
  }
  if (transition.successor !== undefined) takeSuccessor(checked, transition.successor);
  for (const mark of [...transition.marks, ...transition.lazyMarks]) {
    checked.kinds.add(mark.attributes?.$case ?? '');
    takeMark(checked.effects, mark);
  }
  if (transition.deliverEffects) for (const key of keysOf(outstanding(checked.run.state, 0).effects)) checked.delivered.add(key);
  if (transition.offerTask) checked.offeredTask = true;
  for (const number of transition.offerActivities) {
    checked.offeredActivities.add(`${number}.${checked.run.state.activities.get(number)?.attempt}`);
  }
  return events;
}

function isClose({ attributes }: HistoryEvent): boolean {
  const cases: unknown[] = [
    'workflowCompleted',
    'workflowFailed',
    'workflowCanceled',
    'workflowTimedOut',
    'workflowTerminated',
    'workflowContinuedAsNew',
  ];
  return cases.includes(attributes?.$case);
}

/** References given out before a pause are void: a claim of one is refused, and the resume offers others. R-PAUSE-1 */
function takePause(checked: Checked, { attributes }: HistoryEvent): void {
  if (attributes?.$case !== 'workflowPaused') return;
  checked.offeredTask = false;
  checked.offeredActivities.clear();
}

/** R-CHAIN-2, R-CHAIN-4, R-CHAIN-11, R-CHILD-4: the next run has what no task of this one had seen, begins late enough, and folds from its own log. */
function takeSuccessor(checked: Checked, successor: Successor): void {
  const { run } = checked;
  const { next, transition } = nextRun(run, successor);
  const [started, ...rest] = transition.events.map(({ frame }) => decodeFrame(frame));
  must(!isOpen(run.state) && run.state.newRunId === successor.started.runId, 'a close names the run that follows');
  must(started?.attributes?.$case === 'workflowStarted', 'the next run begins with its start');
  must(next.state.beginsAt >= run.state.beginsAt + 1_000, 'starts are 1 s apart');
  must(fromTimestamp(started?.time) >= run.state.closedAt, 'the next run starts after the close');
  const unseen = logged(run).filter(({ id, attributes }) => id > run.state.task.seen && isInput(attributes));
  const moved = rest.filter(({ attributes }) => isInput(attributes)).map(({ attributes }) => attributes);
  const wanted = unseen.map(({ attributes }) => attributes);
  must(moved.length >= wanted.length && sameEvents(moved.slice(moved.length - wanted.length), wanted), 'what was not seen moves along');
  for (const [id, time] of run.state.requestIds) {
    must(time <= next.now - 86_400_000 || next.state.requestIds.has(id), `request id ${id} is remembered`);
  }
  for (const { attributes } of [started, ...rest] as HistoryEvent[]) checked.kinds.add(attributes?.$case ?? '');
  for (const mark of transition.marks) checked.kinds.add(mark.attributes?.$case ?? '');
  checkLog({ run: next });
  must(next.state.children === undefined, 'children do not move along');
}

function logged(run: Run): { id: number; attributes: HistoryEvent['attributes'] }[] {
  return run.log.flatMap((row) => splitFrames(row.events).map(decodeFrame)).map(({ id, attributes }) => ({ id: Number(id), attributes }));
}

function isInput(attributes: HistoryEvent['attributes']): boolean {
  return attributes?.$case === 'workflowSignaled' || attributes?.$case === 'workflowCancelRequested';
}

function sameEvents(some: readonly unknown[], others: readonly unknown[]): boolean {
  return JSON.stringify(some) === JSON.stringify(others);
}

function takeTimer(checked: Checked, { attributes, time }: HistoryEvent, copied = false): void {
  if (attributes?.$case === 'timerStarted')
    checked.timers.set(attributes.value.number, fromTimestamp(time) + fromDuration(attributes.value.duration));
  if (attributes?.$case === 'timerCanceled') checked.timers.delete(attributes.value.number);
  if (attributes?.$case !== 'timerFired') return;
  const dueAt = checked.timers.get(attributes.value.number);
  must(dueAt !== undefined, `timer ${attributes.value.number} fires once, and only while it is open`);
  must(copied || checked.run.now >= (dueAt ?? 0) || checked.clockSteppedBack, `timer ${attributes.value.number} is not early`);
  checked.timers.delete(attributes.value.number);
}

function takeOutcome(checked: Checked, { attributes }: HistoryEvent): void {
  const outcomes = ['activityCompleted', 'activityFailed', 'activityTimedOut', 'activityCanceled'];
  if (attributes === undefined || !outcomes.includes(attributes.$case)) return;
  const { number } = attributes.value as { number: number };
  must(!checked.endedActivities.has(number), `activity ${number} has one outcome`);
  checked.endedActivities.add(number);
}

/** R-UPDATE-1, R-UPDATE-4: accepted once, completed once, in this order. */
function takeUpdate({ updates }: Checked, { attributes }: HistoryEvent): void {
  if (attributes?.$case === 'updateAccepted') {
    const updateId = attributes.value.request?.updateId ?? '';
    must(updateId !== '' && !updates.has(updateId), `update ${updateId} is accepted once`);
    updates.set(updateId, false);
  }
  if (attributes?.$case !== 'updateCompleted') return;
  must(updates.get(attributes.value.updateId) === false, `update ${attributes.value.updateId} is completed once, after it was accepted`);
  updates.set(attributes.value.updateId, true);
}

/** R-TASK-2: the code's clock stands between that of the task before and the time of its C. */
function takeTask(checked: Checked, { id, attributes, time }: HistoryEvent): void {
  const last = checked.tasks.at(-1);
  if (attributes?.$case !== 'workflowTaskCompleted') {
    // What holds a run and lets it go is nothing for its code.
    const isHold = attributes?.$case === 'workflowPaused' || attributes?.$case === 'workflowResumed';
    if (isHold) checked.holds.push(Number(id));
    else if (last !== undefined && Number(completedIn(attributes)) !== last.id) last.unseen += 1;
    return;
  }
  const startedAt = fromTimestamp(attributes.value.startedTime);
  must(startedAt >= (last?.startedAt ?? 0) && startedAt <= fromTimestamp(time), `the code's clock goes on (${startedAt})`);
  const seen = Number(attributes.value.seenEventId);
  checked.tasks.push({
    id: Number(id),
    seen,
    startedAt,
    unseen: Number(id) - 1 - seen - checked.holds.filter((hold) => hold > seen).length,
  });
}

const eventOf: Record<string, string> = {
  completeWorkflow: 'workflowCompleted',
  failWorkflow: 'workflowFailed',
  cancelWorkflow: 'workflowCanceled',
  upsertProperties: 'workflowPropertiesUpserted',
  continueAsNew: 'workflowContinuedAsNew',
  scheduleActivity: 'activityScheduled',
  cancelActivity: 'activityCancelRequested',
  startTimer: 'timerStarted',
  cancelTimer: 'timerCanceled',
  scheduleChildWorkflow: 'childWorkflowScheduled',
  cancelChildWorkflow: 'childWorkflowCancelRequested',
  signalExternal: 'externalSignalScheduled',
  cancelExternal: 'externalCancelScheduled',
  acceptUpdate: 'updateAccepted',
  completeUpdate: 'updateCompleted',
  recordMarker: 'markerRecorded',
};

/** The C to whose block an event belongs; undefined when to none. */
function completedIn(attributes: HistoryEvent['attributes']): bigint | undefined {
  return (attributes?.value as { completedEventId?: bigint } | undefined)?.completedEventId;
}

/** R-LOG-3, R-TASK-3: one event per command, in a row behind C, and no other event carries its id. */
function checkBlock(events: readonly HistoryEvent[], completion: WorkflowTaskCompletion, completedEventId: number): void {
  if (events.length === 0 || completedEventId !== Number(events[0]?.id)) {
    // Nothing was written, or the completion was a repeated one: there is no block of it here.
    must(
      events.every(({ attributes }) => completedIn(attributes) === undefined),
      'what writes no block writes nothing of one',
    );
    return;
  }
  must(events[0]?.attributes?.$case === 'workflowTaskCompleted', 'a block begins with C');
  const block = events.slice(1, 1 + completion.commands.length);
  same(
    block.map(({ attributes }) => attributes?.$case),
    completion.commands.map(({ attributes }) => eventOf[attributes?.$case ?? '']),
    'one event per command, in order',
  );
  must(
    block.every(({ attributes }) => Number(completedIn(attributes)) === completedEventId),
    'the events of a block carry the id of C',
  );
  const behind = events.slice(1 + completion.commands.length);
  must(
    behind.every(({ attributes }) => completedIn(attributes) === undefined),
    'no other event carries it',
  );
}

/** What is left to be done agrees with what was offered, with the events, and with `wake_at`. R-MATCH-1, R-DUE-1. */
function checkLeft(checked: Checked): void {
  const { state, now } = checked.run;
  const left = outstanding(state, now);
  const effects = keysOf(left.effects);
  same([...effects].sort(), [...checked.effects.open].sort(), 'the effects are those that the events ask for');
  must(
    effects.every((key) => checked.delivered.has(key)),
    'what is to be done outside is delivered',
  );
  if (!isOpen(state)) {
    same({ ...left, effects: [] }, { workflowTask: false, activityTasks: [], timers: [], effects: [] }, 'a closed run waits for nothing');
    const wake = effects.length > 0 ? 0 : state.closedAt + (state.deleting === true ? 0 : RETENTION_MS);
    must(wakeAt(state, now, RETENTION_MS) === wake, 'a closed run stays for its effects, then comes back to be purged');
    return;
  }
  same([...left.timers].sort(), [...checked.timers.keys()].sort(), 'the open timers are those of the events');
  must(!left.workflowTask || checked.offeredTask, 'the open task is offered');
  for (const number of left.activityTasks) {
    const reference = `${number}.${state.activities.get(number)?.attempt}`;
    must(checked.offeredActivities.has(reference), `attempt ${reference} is offered`);
  }
  if (!checked.clockSteppedBack) {
    const isSpent = checked.asked && checked.offeredTask && !isTaskDue(state);
    must(checked.offeredTask === left.workflowTask || isSpent, 'a task is offered only while it is open');
    const wanted = [...checked.offeredActivities].filter((reference) => {
      const [number = 0, attempt] = reference.split('.').map(Number);
      const activity = state.activities.get(number);
      // An operator may have put it off since.
      return activity !== undefined && activity.attempt === attempt && dueTime(activity) <= now;
    });
    const numbers = wanted.map((reference) => Number.parseInt(reference, 10));
    same(numbers.sort(), [...left.activityTasks].sort(), 'the attempts that wait are those offered');
  }
  checkWake(state, now);
}

function checkWake(state: RunState, now: number): void {
  const wake = wakeAt(state, now, RETENTION_MS);
  const activities = [...state.activities.values()];
  const paused = state.paused !== undefined;
  const driven =
    (state.effects?.size ?? 0) > 0 ||
    state.live.flight !== undefined ||
    (isTaskDue(state) && (state.task.base > 0 || state.task.attempt > 1 || state.task.notBefore <= now)) ||
    activities.some((activity) => (activity.startedAt === 0 ? dueTime(activity) <= now && !paused : activity.heartbeatMs > 0));
  if (driven) {
    must(wake === 0, 'what only memory drives keeps the run in memory');
    return;
  }
  must(wake !== 0, 'nothing keeps the run in memory');
  const times = dueTimes(state);
  must(
    times.every((time) => time > now),
    'what is due has been done',
  );
  if (wake === null) same(times, [], 'a run that is due some time wakes then');
  else must(wake <= Math.min(...times), 'a run wakes in time');
}

/** Every time at which something becomes due, computed from the state alone; those that wait for a sign of life at the latest. */
function dueTimes(state: RunState): number[] {
  const paused = state.paused !== undefined;
  const times = paused ? [] : [...state.timers.values()].map(({ dueAt }) => dueAt);
  if (state.runDeadline > 0) times.push(state.runDeadline);
  if (state.executionDeadline > 0) times.push(state.executionDeadline);
  if (isTaskDue(state)) times.push(state.task.notBefore);
  for (const activity of state.activities.values()) {
    if (activity.scheduleToCloseMs > 0) times.push(activity.scheduledAt + activity.scheduleToCloseMs);
    if (activity.startedAt === 0) {
      if (paused || activity.operated?.paused !== undefined) continue;
      times.push(activity.dueAt);
      if (activity.scheduleToStartMs > 0) times.push(activity.dueAt + activity.scheduleToStartMs);
    } else if (activity.startToCloseMs > 0) {
      times.push(Math.max(activity.startedAt + activity.startToCloseMs, state.live.claimedAt + Math.max(10_000, activity.heartbeatMs)));
    }
  }
  return times;
}

/** R-LOG-5: the log folds to the live state, and a checkpoint holds either of them. */
export function checkLog({ run }: Pick<Checked, 'run'>): void {
  const left = leftOut(run);
  const folded = foldLog(run, run.state.live.claimedAt);
  same(plain(folded, left), plain(run.state, left), 'the log folds to the live state');
  for (const state of [folded, run.state]) {
    const read = readCheckpoint(writeCheckpoint(state), 5);
    same(read === undefined ? 'unreadable' : plain(read, left), plain(state, left), 'a checkpoint holds the state');
    must(read?.live.claimedAt === 5, 'a loaded run knows when its slot was claimed');
  }
}
