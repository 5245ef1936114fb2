/** Reads: describe, history pages, results. They show committed state only. */
import type {
  DescribeActivityResponse,
  DescribeWorkflowResponse,
  GetWorkflowHistoryResponse,
  WorkflowResult,
} from '@perdure/proto/perdure/api/v1/workflow_service';
import { activityById } from '../core/activity-operators.ts';
import { joinFrames, splitFrames } from '../core/frames.ts';
import { toItemError } from '../core/item-error.ts';
import { outstanding } from '../core/outstanding.ts';
import { isOpen } from '../core/state.ts';
import { PerdureError } from '../errors.ts';
import type { ActivityRef, RunRef } from '../roles.ts';
import { settled } from './act.ts';
import { heirOf, lastOfChain } from './chains.ts';
import type { History } from './context.ts';
import { keyOf } from './memory.ts';
import { routed, wantedRun } from './requests.ts';
import { Dropped, type HotRun } from './run.ts';
import { describe, pendingActivity } from './show.ts';

/** A queue without a poll for this long has no worker. */
const SILENT_MS = 10_000;

export function describeWorkflow(h: History, ref: RunRef): Promise<DescribeWorkflowResponse> {
  return routed(h, async () => {
    const run = await wantedRun(h, ref);
    const shown = describe(run.state, h.env.now(), notes(h, run));
    await settled(h, run);
    return shown;
  });
}

export function describeActivity(h: History, ref: ActivityRef): Promise<DescribeActivityResponse> {
  return routed(h, async () => {
    const run = await wantedRun(h, ref);
    try {
      const { input, ...activity } = activityById(run.state, ref.activityId);
      return { runId: run.key.runId, activity: pendingActivity({ ...activity, input }, h.env.now()), input };
    } finally {
      await settled(h, run);
    }
  });
}

/** Hints for a person who wonders why a run does not get on. */
function notes(h: History, run: HotRun): string[] {
  const { workflowTask, activityTasks } = outstanding(run.state, h.env.now());
  const queues = new Set<string>();
  const { paused } = run.state;
  if (paused !== undefined) return ['the run is paused: no task of it is given out until it is resumed'];
  if (workflowTask) queues.add(`workflow\0${run.state.taskQueue}`);
  for (const number of activityTasks) queues.add(`activity\0${run.state.activities.get(number)?.taskQueue ?? ''}`);
  const held = [...run.state.activities.values()].filter(({ operated }) => operated?.paused !== undefined);
  const notes = held.map(({ activityId, activityType }) => `activity "${activityId}" (${activityType}) is paused`);
  const silent = [...queues].flatMap((name) => {
    const [kind, queue] = name.split('\0') as ['workflow' | 'activity', string];
    const { pollers, lastPollAt } = h.matching().describeQueue(kind, run.key.namespaceId, queue);
    return pollers > 0 || h.env.now() - lastPollAt < SILENT_MS ? [] : [`no worker polls ${kind} tasks of task queue "${queue}"`];
  });
  return [...notes, ...silent];
}

/** The closing event is committed. */
function isClosed(run: HotRun): boolean {
  return !isOpen(run.state) && run.committedEventId === run.state.nextEventId - 1;
}

/**
 * The run, once something of it is stored: a start that is on its way may be a repeated one, and its memory then gives way to that
 * of the run that exists.
 */
async function storedRun(h: History, ref: RunRef): Promise<HotRun> {
  const run = await wantedRun(h, ref);
  if (run.committedEventId === 0) await settled(h, run);
  return run;
}

export function getHistory(
  h: History,
  ref: RunRef,
  range: { from: number; to: number; maxBytes: number; waitMs: number },
  abort: AbortSignal,
): Promise<GetWorkflowHistoryResponse> {
  const until = h.env.now() + range.waitMs;
  return routed(h, async () => {
    const run = await storedRun(h, ref);
    if (range.waitMs > 0) await grown(h, run, range.from, until, abort);
    return page(h, run, range);
  });
}

/** Waits until the run has a committed event at `from`, is closed, or the time is over. */
function grown(h: History, run: HotRun, from: number, until: number, abort: AbortSignal): Promise<void> {
  const enough = (): boolean => run.committedEventId >= from || isClosed(run) || run.dropped;
  if (enough()) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      unwatch();
      unwake();
      timer.cancel();
      abort.removeEventListener('abort', done);
      resolve();
    };
    const unwatch = h.waits.watch(run.key.runId, (grownRun) => {
      if (grownRun !== run || enough()) done();
    });
    const unwake = h.waits.onWakeAll(done);
    const timer = h.env.setTimer(Math.max(0, until - h.env.now()), done);
    abort.addEventListener('abort', done);
  });
}

async function page(h: History, run: HotRun, range: { from: number; to: number; maxBytes: number }): Promise<GetWorkflowHistoryResponse> {
  const { runId } = run.key;
  const committed = run.committedEventId;
  const closed = isClosed(run);
  const to = range.to === 0 ? committed : Math.min(range.to, committed);
  const frames: Uint8Array[] = [];
  let bytes = 0;
  let next = range.from;
  if (next <= to) {
    const rows = await readRows(h, run, next, range.maxBytes);
    for (const row of rows) {
      for (const [index, frame] of splitFrames(row.events).entries()) {
        const id = row.firstEventId + index;
        if (id !== next || id > to || (frames.length > 0 && bytes + frame.length > range.maxBytes)) continue;
        frames.push(frame);
        bytes += frame.length;
        next += 1;
      }
    }
  }
  const end = next > to;
  return { runId, history: joinFrames(frames), nextEventId: BigInt(next), end, closed: closed && next > committed };
}

async function readRows(h: History, run: HotRun, from: number, maxBytes: number): ReturnType<History['store']['readHistory']> {
  try {
    return await h.store.readHistory(run.key.slot, run.key.runId, from, maxBytes);
  } catch (error) {
    throw new PerdureError('DATABASE_UNAVAILABLE', `the history could not be read: ${String(error)}`, {}, 500);
  }
}

/** Resolves as soon as at least one of the runs has closed or cannot be awaited, else with [] when the wait is over. */
export function awaitResults(
  h: History,
  refs: readonly RunRef[],
  { waitMs, thisRunOnly }: { waitMs: number; thisRunOnly: boolean },
  abort: AbortSignal,
): Promise<WorkflowResult[]> {
  return new Promise((resolve) => {
    const results = new Map<number, WorkflowResult>();
    const undo: (() => void)[] = [];
    let ended = false;
    const finish = (): void => {
      if (ended) return;
      ended = true;
      for (const each of undo) each();
      resolve([...results.values()].sort((a, b) => a.index - b.index));
    };
    // What closes with the same commit is answered together.
    const soon = (): void => {
      if (results.size === 1) undo.push(cancelOf(h.env.setTimer(0, finish)));
    };
    const found = (result: WorkflowResult): void => {
      if (results.has(result.index)) return;
      results.set(result.index, result);
      soon();
    };
    undo.push(cancelOf(h.env.setTimer(waitMs, finish)), h.waits.onWakeAll(finish));
    abort.addEventListener('abort', finish);
    undo.push(() => abort.removeEventListener('abort', finish));
    refs.forEach((ref, index) => {
      watchResult(h, ref, { index, thisRunOnly, found, undo, ended: () => ended });
    });
  });
}

function cancelOf(timer: { cancel(): void }): () => void {
  return () => timer.cancel();
}

/** The run to wait for: when the one named is no longer kept, the open one whose chain it has begun. */
async function awaitedRun(h: History, ref: RunRef, thisRunOnly: boolean): Promise<HotRun> {
  try {
    return await storedRun(h, ref);
  } catch (error) {
    const gone = error instanceof PerdureError && error.reason === 'WORKFLOW_NOT_FOUND' && ref.runId !== '' && !thisRunOnly;
    const heir = gone ? await heirOf(h, ref, keyOf(ref.namespaceId, ref.workflowId, ref.runId).slot) : undefined;
    if (heir === undefined) throw error;
    return heir;
  }
}

interface ResultWatch {
  readonly index: number;
  readonly thisRunOnly: boolean;
  readonly found: (result: WorkflowResult) => void;
  readonly undo: (() => void)[];
  readonly ended: () => boolean;
}

function watchResult(h: History, ref: RunRef, { index, thisRunOnly, found, undo, ended }: ResultWatch): void {
  const closed = (run: HotRun): void => {
    if (thisRunOnly || run.state.newRunId === '') found(resultOf(run, index));
    else if (!ended())
      routed(h, () => lastOfChain(h, run)).then((last) => (last === run ? found(resultOf(run, index)) : look(last)), refused);
  };
  const look = (run: HotRun): void => {
    if (isClosed(run)) {
      closed(run);
      return;
    }
    if (ended()) return;
    const unwatch = h.waits.watch(run.key.runId, (grownRun) => {
      if (!isClosed(grownRun)) return;
      unwatch();
      closed(grownRun);
    });
    undo.push(unwatch);
  };
  const refused = (error: unknown): void => {
    if (error instanceof PerdureError && error.reason === 'UNAVAILABLE' && ended()) return;
    found({
      index,
      runId: ref.runId,
      status: 0,
      outcome: { $case: 'error', value: toItemError(error instanceof Dropped ? new PerdureError('UNAVAILABLE', 'try again') : error) },
    });
  };
  const hot = ref.runId === '' ? undefined : h.hot.get(ref.runId);
  if (
    hot !== undefined &&
    hot.state.deleting !== true &&
    hot.committedEventId > 0 &&
    hot.key.workflowId === ref.workflowId &&
    hot.key.namespaceId === ref.namespaceId
  ) {
    look(hot);
    return;
  }
  routed(h, () => awaitedRun(h, ref, thisRunOnly)).then(look, refused);
}

function resultOf(run: HotRun, index: number): WorkflowResult {
  const { status, closeEvent } = run.state;
  return {
    index,
    runId: run.key.runId,
    status,
    outcome: closeEvent === undefined ? undefined : { $case: 'closeEvent', value: closeEvent },
  };
}
