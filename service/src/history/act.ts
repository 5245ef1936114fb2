/** One input to one hot run: step it, queue what it changes, and name what is released with the commit. */
import type { Mark } from '@perdure/proto/perdure/server/v1/mark';
import { isStartMarkWanted } from '../core/activity.ts';
import type { Successor } from '../core/chain.ts';
import { hasEffects } from '../core/effects.ts';
import { wakeAt } from '../core/outstanding.ts';
import { emptyState, isOpen } from '../core/state.ts';
import { type InputKind, type Inputs, settleOnly, step } from '../core/step.ts';
import type { Recorded, Transition } from '../core/transition.ts';
import { PerdureError } from '../errors.ts';
import { type History, openKey, stepEnv } from './context.ts';
import { dispatch, type Release } from './dispatch.ts';
import { enqueue } from './lane.ts';
import { addRun, armRun, dropRun, mayServe, retentionOf, touch, weigh } from './memory.ts';
import { wantsCheckpoint } from './rows.ts';
import { type Change, Dropped, type HotRun, newHotRun, owedUnit, trimTail, type Unit } from './run.ts';
import { blockedCause, toVisibility } from './show.ts';

/** A start mark joins the next commit of its run; only attempts that take longer than this cost a record of their own. */
const LAZY_MS = 500;
const RUN_BYTES = 4_096;
const ACTIVITY_BYTES = 1_024;

/** Steps the run and queues its changes as a unit. Throws PerdureError when the input is refused. */
export function act<K extends InputKind>(
  h: History,
  run: HotRun,
  kind: K,
  input: Inputs[K][0],
  unitKind: Unit['kind'] = 'owed',
  release?: Release,
): Inputs[K][1] {
  const { transition, answer } = stepRun(h, run, kind, input);
  commitTransitions(h, [{ run, transition, ...(release === undefined ? {} : { release }) }], unitKind);
  return answer;
}

/** Steps only; the caller queues the transition, alone or together with another run's. */
export function stepRun<K extends InputKind>(
  h: History,
  run: HotRun,
  kind: K,
  input: Inputs[K][0],
): { transition: Transition; answer: Inputs[K][1] } {
  if (run.dropped || run.broken) throw new Dropped();
  try {
    return step(run.state, kind, input, stepEnv(h));
  } catch (error) {
    if (error instanceof PerdureError) {
      commitTransitions(h, [{ run, transition: settleOnly(run.state, stepEnv(h)) }], 'owed');
      throw error;
    }
    const id = h.env.newId();
    h.log('error', 'a step failed; the run is read again', { id, runId: run.key.runId, input: kind, error: stackOf(error) });
    giveUp(h, run);
    throw new PerdureError('INTERNAL', `the service failed on run ${run.key.runId} (id ${id})`, { id });
  }
}

/** The state cannot be trusted any more: what is queued of the run is still written, then it is read again. */
function giveUp(h: History, run: HotRun): void {
  run.broken = true;
  const again = (): void => {
    dropRun(h, run);
    h.up.revive(run.key);
  };
  if (run.lastUnit === undefined) again();
  else run.lastUnit.waiting.push({ resolve: again, reject: () => {} });
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

export interface Stepped {
  readonly run: HotRun;
  readonly transition: Transition;
  readonly start?: boolean;
  /** What stands before the transition in the log of a fork. */
  readonly copied?: { readonly events: readonly Recorded[]; readonly marks: readonly Mark[] };
  readonly release?: Release;
}

/** What a run takes in memory, roughly: its state, the frames kept for its next task, and inputs of open activities. */
function bytesOf(run: HotRun): number {
  const { activities, historyBytes, chain } = run.state;
  const inputs = activities.size === 0 ? 0 : historyBytes;
  return (
    RUN_BYTES +
    (chain === undefined ? 0 : chain.bytes) +
    activities.size * ACTIVITY_BYTES +
    inputs +
    (run.tail.length === 0 ? 0 : historyBytes)
  );
}

/** Queues what the transitions changed, as one unit; what they offer is released with it. */
export function commitTransitions(h: History, stepped: readonly Stepped[], kind: Unit['kind']): Unit | undefined {
  const changes: Change[] = [];
  for (const each of withSuccessors(h, stepped)) {
    const change = toChange(h, each);
    if (change !== undefined) changes.push(change);
    touch(h, each.run);
    if (!each.run.dropped) weigh(h, each.run, bytesOf(each.run));
    armRun(h, each.run);
  }
  if (changes.length === 0) return undefined;
  const bytes = changes.reduce((sum, change) => sum + change.bytes, 0);
  const unit: Unit = { changes, namespaceId: (changes[0] as Change).run.key.namespaceId, bytes, kind, state: 'queued', waiting: [] };
  enqueue(h, unit);
  return unit;
}

/** A run that is continued and the one that continues it are one unit: written together or not at all. */
function withSuccessors(h: History, stepped: readonly Stepped[]): readonly Stepped[] {
  return stepped.some(({ transition }) => transition.successor !== undefined) ? stepped.flatMap((each) => withSuccessor(h, each)) : stepped;
}

function withSuccessor(h: History, stepped: Stepped): Stepped[] {
  const { run, transition } = stepped;
  const { successor } = transition;
  if (successor === undefined) return [stepped];
  const { namespaceId, workflowId } = run.key;
  const runId = successor.started.runId;
  const next = newHotRun({ ...run.key, runId }, emptyState({ namespaceId, workflowId, runId }, h.node.claimedAt), h.env.now());
  const begun = beginNext(h, run, next, successor);
  // The open one from now on: what is sent to the workflow id waits for its commit.
  addRun(h, next);
  return [stepped, { run: next, transition: begun.transition, start: true }];
}

function beginNext(h: History, run: HotRun, next: HotRun, successor: Successor): ReturnType<typeof stepRun<'succeed'>> {
  try {
    return stepRun(h, next, 'succeed', { successor, closedAt: run.state.closedAt });
  } catch (error) {
    // Closed in memory only: nothing of it may be written.
    giveUp(h, run);
    throw error;
  }
}

function toChange(h: History, stepped: Stepped): Change | undefined {
  const { run, transition } = stepped;
  const start = stepped.start === true;
  keepTail(run, transition);
  keepLazy(h, run, transition);
  const released = (): void => dispatch(h, run, transition, stepped.release);
  const nothing = transition.events.length === 0 && transition.marks.length === 0;
  if (nothing && !start) {
    // A release takes part even when nothing is written: its answer must not overtake what is queued.
    const offers =
      transition.offerTask ||
      transition.offerActivities.length > 0 ||
      transition.deliverEffects ||
      transition.updates !== undefined ||
      stepped.release !== undefined;
    const goesOn = run.held.length > 0 && !run.state.live.closeRefused;
    if (!offers && !goesOn) return undefined;
    if (run.lastUnit === undefined) released();
    else run.lastUnit.waiting.push({ resolve: released, reject: () => {} });
    return undefined;
  }
  // What is written after the close are acknowledgements only.
  const closes = transition.events.length > 0 && !isOpen(run.state);
  if (closes && h.open.get(openKey(run.key.namespaceId, run.key.workflowId)) === run)
    h.open.delete(openKey(run.key.namespaceId, run.key.workflowId));
  const marks =
    run.lazyMarks.length === 0
      ? transition.marks
      : [...run.lazyMarks.filter((mark) => isStartMarkWanted(run.state, mark)), ...transition.marks];
  run.lazyMarks = [];
  const visibility = visibilityOf(run, start || closes);
  const execution = executionOf(h, run, start || closes || visibility !== undefined || isReleased(run));
  const { copied } = stepped;
  const events = copied === undefined ? transition.events : [...copied.events, ...transition.events];
  const bytes = events.reduce((sum, event) => sum + event.frame.length, 64);
  const all = copied === undefined ? marks : [...copied.marks, ...marks];
  return { run, events, marks: all, start, closes, execution, visibility, bytes, committed: released };
}

/** A closed run whose last effect has been answered: its row says from now on when it is to be purged. */
function isReleased(run: HotRun): boolean {
  return run.storedWakeAt === 0 && !isOpen(run.state) && !hasEffects(run.state);
}

/** Keeps the frames the next sticky task needs. */
function keepTail(run: HotRun, transition: Transition): void {
  if (transition.events.length === 0) return;
  run.tail.push(...transition.events);
  if (run.readers !== undefined) for (const reader of run.readers) reader.push(...transition.events);
  run.tail = trimTail(run.tail, run.state.task.seen);
}

function keepLazy(h: History, run: HotRun, transition: Transition): void {
  if (transition.lazyMarks.length === 0) return;
  if (run.lazyMarks.length === 0) h.lazy.push({ run, at: h.env.now() + LAZY_MS });
  run.lazyMarks.push(...transition.lazyMarks);
  if (h.lazy.length === 1) h.env.setTimer(LAZY_MS, () => flushLazy(h));
}

/** Writes start marks that found no other commit to join. */
export function flushLazy(h: History, all = false): void {
  const now = h.env.now();
  while (h.lazy.length > 0) {
    const first = h.lazy[0] as { run: HotRun; at: number };
    if (!all && first.at > now) break;
    h.lazy.shift();
    writeLazy(h, first.run);
  }
  const next = h.lazy[0];
  if (next !== undefined) h.env.setTimer(Math.max(1, next.at - now), () => flushLazy(h));
}

function writeLazy(h: History, run: HotRun): void {
  if (run.dropped || run.lazyMarks.length === 0) return;
  const marks = run.lazyMarks.filter((mark) => isStartMarkWanted(run.state, mark));
  run.lazyMarks = [];
  if (marks.length === 0) return;
  const change: Change = {
    run,
    events: [],
    marks,
    start: false,
    closes: false,
    execution: executionOf(h, run, false),
    visibility: undefined,
    bytes: 64 * marks.length,
    committed: () => {},
  };
  enqueue(h, owedUnit(change));
}

function visibilityOf(run: HotRun, always: boolean): Change['visibility'] {
  const { state, shown } = run;
  const cause = blockedCause(state);
  const paused = state.paused !== undefined;
  // Each upsert makes new objects, of memo and search attributes alike.
  const properties = shown.memo !== state.memo;
  const blocks = cause !== shown.blockedCause;
  if (!always && !properties && !blocks && paused === shown.paused) return undefined;
  const row = toVisibility(state, { memo: properties, attributes: properties || blocks });
  // Runs that never had any keep NULL, and so cost the index of attributes nothing.
  const none = !shown.attributes && row.attributes !== undefined && Object.keys(row.attributes).length === 0;
  run.shown = { blockedCause: cause, paused, memo: state.memo, attributes: shown.attributes || (row.attributes !== undefined && !none) };
  return none ? { ...row, attributes: undefined } : row;
}

/** The row, when it changes: always at start and close, when the run must wake earlier than stored, or for a checkpoint. */
function executionOf(h: History, run: HotRun, always: boolean): Change['execution'] {
  const { state } = run;
  if (!always && run.storedWakeAt === 0 && !wantsCheckpoint(run)) return undefined;
  const wake = wakeAt(state, h.env.now(), retentionOf(h, run.key));
  const earlier = run.storedWakeAt === null ? wake !== null : wake !== null && wake < run.storedWakeAt;
  if (!always && !earlier && !wantsCheckpoint(run)) return undefined;
  run.storedWakeAt = wake;
  return rowOf(run, wake);
}

export function rowOf(run: HotRun, wake: number | null): NonNullable<Change['execution']> {
  const { state } = run;
  return {
    status: state.status,
    wakeAt: wake,
    nextEventId: state.nextEventId,
    type: state.workflowType,
    taskQueue: state.taskQueue,
    startedAt: state.startedAt,
    closedAt: isOpen(state) ? null : state.closedAt,
  };
}

/** Resolves when everything the run has queued is committed; the answer may then be released. */
export async function settled(h: History, run: HotRun): Promise<void> {
  const unit = run.lastUnit;
  if (run.dropped || unit?.state === 'failed') throw new Dropped();
  if (unit !== undefined) await new Promise<void>((resolve, reject) => unit.waiting.push({ resolve, reject }));
  mayServe(h);
}
