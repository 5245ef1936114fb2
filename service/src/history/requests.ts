/** What clients ask of a run: signal, cancel, terminate, query. */
import type { ActivityOptions } from '@perdure/proto/perdure/api/v1/activity';
import { WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import { QueryRejectCondition } from '@perdure/proto/perdure/api/v1/workflow_service';
import { activityById, optionsOf } from '../core/activity-operators.ts';
import { statusName } from '../core/signal.ts';
import { isOpen } from '../core/state.ts';
import type { InputKind, Inputs } from '../core/step.ts';
import { PerdureError } from '../errors.ts';
import type {
  ActivityChange,
  ActivityRef,
  ChildNotice,
  PauseInput,
  QueryAnswer,
  QueryInput,
  RunRef,
  SignalInput,
  TerminateInput,
} from '../roles.ts';
import { act, settled } from './act.ts';
import { continued, heirOf } from './chains.ts';
import { type History, openKey } from './context.ts';
import { admit, pause } from './lane.ts';
import { resolveRun } from './loading.ts';
import { keyOf, mustOwn } from './memory.ts';
import { askQuery } from './queries.ts';
import { Dropped, type HotRun } from './run.ts';

const REROUTES = 8;
const REROUTE_MS = 25;
/** A refused close is decided again within this time; inputs wait for it so long. */
const HOLD_MS = 5_000;
const MOST_HELD = 1_000;
const UNCLEAN: ReadonlySet<WorkflowStatus> = new Set([
  WorkflowStatus.FAILED,
  WorkflowStatus.CANCELED,
  WorkflowStatus.TERMINATED,
  WorkflowStatus.TIMED_OUT,
]);

/** Finds the run anew when its memory was dropped under the request: repeated inputs take effect once. */
export async function routed<T>(h: History, body: () => Promise<T>): Promise<T> {
  for (let tries = 1; tries <= REROUTES; tries += 1) {
    try {
      return await body();
    } catch (error) {
      if (!(error instanceof Dropped)) throw error;
      await pause(h, REROUTE_MS * tries);
    }
  }
  throw new PerdureError('UNAVAILABLE', 'the run is being read again; try again', {}, 200);
}

/** The run a request is for that a closed run cannot take: the one that continues it, if it has been continued. Throws WORKFLOW_NOT_FOUND. */
export async function openRun(h: History, ref: RunRef): Promise<HotRun> {
  const { slot } = keyOf(ref.namespaceId, ref.workflowId, ref.runId);
  mustOwn(h, slot);
  // Handles name the first run of a chain: the log of that one need not be read for each request.
  const open = h.open.get(openKey(ref.namespaceId, ref.workflowId));
  if (open !== undefined && open.state.firstRunId === ref.runId) return open;
  const named = await resolveRun(h, ref.namespaceId, ref.workflowId, ref.runId, slot);
  if (named !== undefined && isMeant(named, ref)) return continued(h, named);
  return (ref.runId === '' ? undefined : await heirOf(h, ref, slot)) ?? wantedRun(h, ref);
}

/** Who names a chain means no run of another; a run that is being deleted is meant by nobody. */
function isMeant({ state }: HotRun, { firstRunId = '' }: RunRef): boolean {
  if (state.deleting === true) return false;
  return firstRunId === '' || state.firstRunId === firstRunId;
}

/** The run a request means. Throws WORKFLOW_NOT_FOUND. */
export async function wantedRun(h: History, ref: RunRef): Promise<HotRun> {
  const { slot } = keyOf(ref.namespaceId, ref.workflowId, ref.runId);
  const run = await resolveRun(h, ref.namespaceId, ref.workflowId, ref.runId, slot);
  if (run !== undefined && isMeant(run, ref)) return run;
  const named = ref.runId === '' ? '' : ` with run ${ref.runId}`;
  throw new PerdureError('WORKFLOW_NOT_FOUND', `workflow "${ref.workflowId}"${named} does not exist`, {
    workflow_id: ref.workflowId,
    run_id: ref.runId,
  });
}

/** Steps the run by a client's input and waits for the commit, for refusals too. */
async function apply<K extends InputKind>(h: History, run: HotRun, kind: K, input: Inputs[K][0], look?: () => void): Promise<void> {
  admit(h, 'request');
  try {
    act(h, run, kind, input, 'request');
    look?.();
  } catch (error) {
    if (error instanceof PerdureError && !run.dropped) await settled(h, run);
    throw error;
  }
  await settled(h, run);
}

/** Waits while a refused close is decided again, so that a close is refused at most once per decision. */
async function waitForClose(h: History, run: HotRun): Promise<void> {
  if (!run.state.live.closeRefused || !isOpen(run.state)) return;
  if (run.held.length >= MOST_HELD)
    throw new PerdureError('OVERLOADED', `${run.held.length} requests wait for run ${run.key.runId} to close`, {}, 500);
  await new Promise<void>((resolve) => {
    const timer = h.env.setTimer(HOLD_MS, () => {
      run.state.live.closeRefused = false;
      for (const go of run.held.splice(0)) go();
    });
    run.held.push(() => {
      timer.cancel();
      resolve();
    });
  });
}

/** The run, once it takes inputs: while it closed, another may have taken its place. */
async function takingInputs(h: History, ref: RunRef): Promise<HotRun> {
  const run = await openRun(h, ref);
  if (!run.state.live.closeRefused) return run;
  await waitForClose(h, run);
  return isOpen(run.state) ? run : openRun(h, ref);
}

export function signalWorkflow(h: History, ref: RunRef, input: SignalInput): Promise<{ runId: string }> {
  return routed(h, async () => {
    const run = await takingInputs(h, ref);
    await apply(h, run, 'signal', input);
    return { runId: run.key.runId };
  });
}

export function requestCancelWorkflow(
  h: History,
  ref: RunRef,
  input: { reason: string; identity: string; requestId: string },
): Promise<void> {
  return routed(h, async () => {
    await apply(h, await takingInputs(h, ref), 'requestCancel', input);
  });
}

export function terminateWorkflow(h: History, ref: RunRef, input: TerminateInput): Promise<void> {
  return routed(h, async () => apply(h, await openRun(h, ref), 'terminate', input));
}

/** Holds the run: no task of it leaves after the answer. */
export function pauseWorkflow(h: History, ref: RunRef, input: PauseInput): Promise<{ runId: string }> {
  return hold(h, ref, 'pause', input);
}

/** Lets a paused run go on. */
export function resumeWorkflow(h: History, ref: RunRef, input: PauseInput): Promise<{ runId: string }> {
  return hold(h, ref, 'resume', input);
}

function hold(h: History, ref: RunRef, kind: 'pause' | 'resume', input: PauseInput): Promise<{ runId: string }> {
  return routed(h, async () => {
    // At once: unlike a signal it does not wait while a refused close is decided again, which it keeps from being handed out.
    const run = await openRun(h, ref);
    await apply(h, run, kind, input);
    return { runId: run.key.runId };
  });
}

/** A run that has closed, or is gone, need not hear of its children. */
export function childClosed(h: History, parent: RunRef, notice: ChildNotice): Promise<void> {
  return routed(h, async () => {
    let run = await wantedRun(h, parent);
    // A fork has the children of its copy. What follows a run otherwise does not know them.
    while (run.state.adoptedUpTo !== undefined) run = await wantedRun(h, { ...parent, runId: run.state.newRunId });
    act(h, run, 'childClosed', notice);
    await settled(h, run);
  });
}

export function queryWorkflow(h: History, ref: RunRef, input: QueryInput, waitMs: number): Promise<QueryAnswer> {
  return routed(h, async () => {
    const run = await (input.followRuns ? openRun(h, ref) : wantedRun(h, ref));
    if (isRejected(run.state.status, input.rejectCondition)) {
      await settled(h, run);
      const status = statusName(run.state.status);
      const facts = { workflow_id: run.key.workflowId, run_id: run.key.runId, status };
      throw new PerdureError('QUERY_REJECTED', `run ${run.key.runId} of workflow "${run.key.workflowId}" is ${status}`, facts);
    }
    return askQuery(h, run, input, waitMs);
  });
}

function isRejected(status: WorkflowStatus, condition: QueryRejectCondition): boolean {
  if (condition === QueryRejectCondition.NOT_OPEN) return status !== WorkflowStatus.RUNNING;
  return condition === QueryRejectCondition.NOT_COMPLETED_CLEANLY && UNCLEAN.has(status);
}

/** What an operator asks for of one activity; answers with its options from then on. */
export function changeActivity(h: History, ref: ActivityRef, change: ActivityChange): Promise<{ runId: string; options: ActivityOptions }> {
  const { activityId } = ref;
  return routed(h, async () => {
    const run = await wantedRun(h, ref);
    let options: ActivityOptions | undefined;
    await apply(h, run, 'operateActivity', { activityId, change }, () => {
      options = optionsOf(activityById(run.state, activityId));
    });
    return { runId: run.key.runId, options: options as ActivityOptions };
  });
}
