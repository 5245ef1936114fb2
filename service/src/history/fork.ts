/**
 * Reset: a new run that begins with a copy of another's log. Both runs are stepped and written together: the base run is closed,
 * if it is open, by the commit that starts its fork, so that never two runs of a workflow id are open and none in between.
 */
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { type Mark, Marks } from '@perdure/proto/perdure/server/v1/mark';
import { foldEvent, foldMark } from '../core/fold.ts';
import { type ForkPlan, planFork } from '../core/fork-plan.ts';
import { decodeFrame, splitFrames } from '../core/frames.ts';
import { deriveRunId } from '../core/run-id.ts';
import { emptyState, isOpen } from '../core/state.ts';
import type { Recorded } from '../core/transition.ts';
import { PerdureError } from '../errors.ts';
import type { ForkAnswer, ResetInput, RunRef } from '../roles.ts';
import type { RunKey } from '../store/store.ts';
import { commitTransitions, type Stepped, settled, stepRun } from './act.ts';
import { type History, openKey } from './context.ts';
import { admit, pause } from './lane.ts';
import { loadRun } from './loading.ts';
import { addRun, keyOf } from './memory.ts';
import { routed, wantedRun } from './requests.ts';
import { Dropped, type HotRun, newHotRun, Refused, trimTail } from './run.ts';

/** Events decoded in one go; other runs get their turn in between. */
const SLICE = 2_000;

/** Starts the fork. Throws NO_RESET_POINT, BAD_FIELD, WORKFLOW_ALREADY_STARTED when another run of the id is open. */
export function resetWorkflow(h: History, ref: RunRef, input: ResetInput): Promise<ForkAnswer> {
  const key = keyOf(ref.namespaceId, ref.workflowId, deriveRunId(ref.namespaceId, ref.workflowId, input.requestId));
  return routed(h, async () => {
    // First: by the second try of a request the run it means has another one in its place.
    const own = await loadRun(h, key);
    if (own !== undefined) return existing(h, own);
    const base = await wantedRun(h, ref);
    return forkOf(h, base, key, input);
  });
}

async function existing(h: History, run: HotRun): Promise<ForkAnswer> {
  await settled(h, run);
  const { forked } = run.state;
  return { runId: run.key.runId, baseRunId: forked?.baseRunId ?? '', keptEventId: (forked?.eventId ?? 1) - 1 };
}

async function forkOf(h: History, base: HotRun, key: RunKey, input: ResetInput): Promise<ForkAnswer> {
  admit(h, 'start');
  const log = await readLog(h, base);
  // From here to the commit nothing waits: the plan is made from all that has happened.
  const own = h.hot.get(key.runId);
  if (own !== undefined) return existing(h, own);
  if (base.dropped || base.broken) throw new Dropped();
  const open = h.open.get(openKey(key.namespaceId, key.workflowId));
  if (open !== undefined && open !== base) throw taken(key.workflowId, open.key.runId);
  const plan = planFork(log.events, input, base.state.admitted);
  const { run, copied } = copyOf(h, key, log, plan);
  const { reason, identity, requestId, excluded, dropResults: resultsDropped } = input;
  const forked = { baseRunId: base.key.runId, reason, identity, requestId, excluded: [...excluded], resultsDropped };
  const units: Stepped[] = [];
  if (isOpen(base.state)) {
    const end = {
      reason: `reset to event ${plan.kept}${reason === '' ? '' : `: ${reason}`}`,
      details: [],
      identity,
      fork: { runId: key.runId, kept: plan.kept },
    };
    units.push({ run: base, transition: stepRun(h, base, 'terminate', end).transition });
  }
  units.push({ run, transition: stepRun(h, run, 'fork', { forked, again: plan.again }).transition, start: true, copied });
  await commitBoth(h, run, units);
  h.log('info', 'a run was reset', { baseRunId: base.key.runId, runId: key.runId, keptEventId: plan.kept, identity, reason });
  return { runId: key.runId, baseRunId: base.key.runId, keptEventId: plan.kept };
}

function taken(workflowId: string, runId: string): PerdureError {
  const message = `workflow "${workflowId}" has an open run (${runId}): reset that one, or close it first`;
  return new PerdureError('WORKFLOW_ALREADY_STARTED', message, { workflow_id: workflowId, run_id: runId });
}

async function commitBoth(h: History, run: HotRun, units: readonly Stepped[]): Promise<void> {
  const name = openKey(run.key.namespaceId, run.key.workflowId);
  addRun(h, run);
  commitTransitions(h, units, 'start');
  // The new run is the open one also when the close of its base was noted after it.
  h.open.set(name, run);
  try {
    await settled(h, run);
    if (isOpen(run.state) && !run.dropped) h.open.set(name, run);
  } catch (error) {
    if (error instanceof Refused && error.openRunId !== undefined) throw taken(run.key.workflowId, error.openRunId);
    throw error;
  }
}

interface Log {
  readonly frames: readonly Recorded[];
  readonly events: readonly HistoryEvent[];
  readonly marks: readonly Mark[];
}

/** The whole log as of the moment it is answered: what is stored, and what is recorded while that is read. */
async function readLog(h: History, base: HotRun): Promise<Log> {
  const from = base.state.nextEventId;
  const recent: Recorded[] = [];
  base.readers ??= new Set();
  base.readers.add(recent);
  try {
    await settled(h, base);
    const [stored] = await load(h, base.key);
    const frames: Recorded[] = [];
    const events: HistoryEvent[] = [];
    const marks: Mark[] = [];
    for (const row of stored?.rows ?? []) {
      for (const frame of splitFrames(row.events)) {
        if (frames.length + 1 >= from) break;
        frames.push({ id: frames.length + 1, frame });
        events.push(decodeFrame(frame));
        if (frames.length % SLICE === 0) await pause(h, 0);
      }
      if (row.marks !== undefined) marks.push(...Marks.decode(row.marks).marks);
    }
    if (frames.length !== from - 1) throw new Dropped();
    for (const each of recent) {
      frames.push(each);
      events.push(decodeFrame(each.frame));
    }
    return { frames, events, marks };
  } finally {
    base.readers.delete(recent);
    if (base.readers.size === 0) base.readers = undefined;
  }
}

async function load(h: History, key: RunKey): ReturnType<History['store']['loadRuns']> {
  try {
    return await h.store.loadRuns(h.node.info.nodeId, [key], true);
  } catch (error) {
    throw new PerdureError('DATABASE_UNAVAILABLE', `the run could not be read: ${String(error)}`, {}, 500);
  }
}

/** The fold of the copy, as a run that holds nothing of its own yet. */
function copyOf(h: History, key: RunKey, log: Log, { kept }: ForkPlan): { run: HotRun; copied: NonNullable<Stepped['copied']> } {
  const { namespaceId, workflowId, runId } = key;
  const state = emptyState({ namespaceId, workflowId, runId }, h.node.claimedAt);
  const run = newHotRun(key, state, h.env.now());
  const events = log.frames.slice(0, kept);
  const marks = log.marks.filter((mark) => Number(mark.afterEventId) <= kept);
  let next = 0;
  for (const [index, { frame }] of events.entries()) {
    foldEvent(state, log.events[index] as HistoryEvent, frame.length);
    for (let mark = marks[next]; mark !== undefined && Number(mark.afterEventId) <= index + 1; mark = marks[next]) {
      foldMark(state, mark);
      next += 1;
    }
  }
  run.tail = trimTail([...events], state.task.seen);
  return { run, copied: { events, marks } };
}
