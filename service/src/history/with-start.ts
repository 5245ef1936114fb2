/**
 * A signal or an update for the open run of a workflow id, or for one that is started with it: one step, so nobody sees the run
 * without it. A request that was taken before, by a run that is open or closed less than a day ago, is answered with that run.
 */
import { ConflictPolicy } from '@perdure/proto/perdure/api/v1/workflow';
import { REQUEST_ID_MEMORY_MS } from '../core/limits.ts';
import { deriveRunId } from '../core/run-id.ts';
import { isOpen, type RunState } from '../core/state.ts';
import { standingOf } from '../core/update.ts';
import { PerdureError } from '../errors.ts';
import type { SignalInput, StartAnswer, StartInput, UpdateAnswer, UpdateInput, UpdateWait } from '../roles.ts';
import type { RunKey } from '../store/store.ts';
import { settled } from './act.ts';
import { continued } from './chains.ts';
import { type History, openKey } from './context.ts';
import { refuseIfDeleting } from './deletion.ts';
import { findRun, loadRun } from './loading.ts';
import { keyOf, mustOwn } from './memory.ts';
import { routed, signalWorkflow } from './requests.ts';
import { Dropped, type HotRun } from './run.ts';
import { startRun } from './start.ts';
import { sendUpdate } from './updates.ts';

export function signalWithStartWorkflow(h: History, input: StartInput & { readonly signal: SignalInput }): Promise<StartAnswer> {
  const key = ownKey(h, input);
  return routed(h, async () => {
    const taken = await takenBefore(h, key, (state) => state.requestIds.has(input.requestId));
    if (taken !== undefined) await settled(h, taken);
    else {
      const open = openRun(h, key, input);
      if (open === undefined) return answerOf(key, await startRun(h, key, input));
      return answerOf(key, await unlessClosed(signalWorkflow(h, open.key, input.signal)));
    }
    return answerOf(key, taken.key);
  });
}

export function updateWithStartWorkflow(
  h: History,
  input: StartInput & { readonly update: UpdateInput },
  wait: UpdateWait,
): Promise<UpdateAnswer & StartAnswer> {
  const key = ownKey(h, input);
  const { update } = input;
  const until = h.env.now() + wait.waitMs;
  return routed(h, async () => {
    const taken = await takenBefore(h, key, (state) => state.updates?.has(update.request.updateId) ?? false);
    const known = taken === undefined || standingOf(taken.state, update.request.updateId) !== undefined ? taken : await continued(h, taken);
    const run = known ?? openRun(h, key, input) ?? (await started(h, key, input));
    const answer = await (run.key.runId === key.runId || known !== undefined
      ? sendUpdate(h, run, update, wait, until)
      : unlessClosed(sendUpdate(h, run, update, wait, until)));
    return { ...answer, ...answerOf(key, run.key) };
  });
}

function ownKey(h: History, input: StartInput): RunKey {
  h.retention.set(input.namespaceId, input.retentionMs);
  refuseIfDeleting(h, input.namespaceId);
  return keyOf(input.namespaceId, input.workflowId, deriveRunId(input.namespaceId, input.workflowId, input.requestId));
}

/** The request's own run counts as started by it, however often the request was sent. */
function answerOf(own: RunKey, { runId }: { readonly runId: string }): StartAnswer {
  return { runId, started: runId === own.runId };
}

/** The run that took the request: its own, the open one, or the newest closed one. */
async function takenBefore(h: History, key: RunKey, knows: (state: RunState) => boolean): Promise<HotRun | undefined> {
  mustOwn(h, key.slot);
  const own = h.hot.get(key.runId);
  if (own !== undefined) return own;
  const name = openKey(key.namespaceId, key.workflowId);
  if (h.open.get(name) === undefined) {
    const found = await findRun(h, key.slot, key.namespaceId, key.workflowId);
    const newest = found === undefined ? undefined : await loadRun(h, { ...key, runId: found.runId });
    if (newest !== undefined && !isOpen(newest.state)) {
      if (newest.key.runId === key.runId) return newest;
      const isRecent = newest.state.closedAt > h.env.now() - REQUEST_ID_MEMORY_MS;
      if (isRecent && knows(newest.state)) return newest;
    }
  }
  const open = h.open.get(name);
  if (open !== undefined && knows(open.state)) return open;
  // Its own run may have closed and been followed by others.
  return loadRun(h, key);
}

/** The open run, if the request is for it. */
function openRun(h: History, key: RunKey, input: StartInput): HotRun | undefined {
  return input.conflictPolicy === ConflictPolicy.USE_EXISTING ? h.open.get(openKey(key.namespaceId, key.workflowId)) : undefined;
}

async function started(h: History, key: RunKey, input: StartInput): Promise<HotRun> {
  const { runId } = await startRun(h, key, input);
  const run = h.hot.get(runId);
  // Out of memory already: it is found at the next try.
  if (run === undefined) throw new Dropped();
  return run;
}

/** The open run has closed under the request, which then is for another. */
async function unlessClosed<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof PerdureError && error.reason === 'WORKFLOW_CLOSED' ? new Dropped() : error;
  }
}
