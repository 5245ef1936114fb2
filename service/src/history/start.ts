/**
 * Start: the run id is derived from the request, so a repeated start finds its run, open or closed. A start is tried from
 * memory alone; the commit tells when the workflow id has an open run that is not in memory.
 */
import { ConflictPolicy, ReusePolicy, WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import { deriveRunId } from '../core/run-id.ts';
import { emptyState, isOpen } from '../core/state.ts';
import { PerdureError } from '../errors.ts';
import type { StartAnswer, StartInput } from '../roles.ts';
import type { RunKey } from '../store/store.ts';
import { commitTransitions, type Stepped, settled, stepRun } from './act.ts';
import { type History, openKey } from './context.ts';
import { refuseIfDeleting } from './deletion.ts';
import { admit } from './lane.ts';
import { findRun, loadRun } from './loading.ts';
import { addRun, keyOf, mustOwn } from './memory.ts';
import { routed } from './requests.ts';
import { Dropped, type HotRun, newHotRun, Refused } from './run.ts';

export function startWorkflow(h: History, input: StartInput): Promise<StartAnswer> {
  const runId = deriveRunId(input.namespaceId, input.workflowId, input.requestId);
  const key = keyOf(input.namespaceId, input.workflowId, runId);
  h.retention.set(input.namespaceId, input.retentionMs);
  refuseIfDeleting(h, input.namespaceId);
  return routed(h, () => startRun(h, key, input));
}

/** One try; what comes with the start is taken with it, or not at all. */
export async function startRun(h: History, key: RunKey, input: StartInput): Promise<StartAnswer> {
  mustOwn(h, key.slot);
  const own = h.hot.get(key.runId);
  if (own !== undefined) return existing(h, own);
  const name = openKey(key.namespaceId, key.workflowId);
  const chained = h.open.get(name);
  if (isOwnChain(chained, key)) return ownChain(h, chained);
  const reuse = input.reusePolicy;
  if (h.open.get(name) === undefined && (reuse === ReusePolicy.REJECT || reuse === ReusePolicy.ALLOW_FAILED_ONLY)) {
    const answer = await checkReuse(h, key, input);
    if (answer !== undefined) return answer;
  }
  if (h.open.get(name) !== undefined) {
    // The own run may have been closed and replaced by another long ago.
    const earlier = await loadRun(h, key);
    if (earlier !== undefined) return existing(h, earlier);
  }
  // While this one read, the same request sent again may have started the run: it must not meet itself as another's.
  const meanwhile = h.hot.get(key.runId);
  if (meanwhile !== undefined) return existing(h, meanwhile);
  const open = h.open.get(name);
  if (isOwnChain(open, key)) return ownChain(h, open);
  if (open !== undefined && input.conflictPolicy !== ConflictPolicy.TERMINATE_EXISTING) return conflict(h, open, input);
  return begin(h, key, input, open);
}

async function ownChain(h: History, open: HotRun): Promise<StartAnswer> {
  await settled(h, open);
  return { runId: open.state.firstRunId, started: false };
}

async function existing(h: History, run: HotRun): Promise<StartAnswer> {
  await settled(h, run);
  return { runId: run.key.runId, started: false };
}

/** The answer when closed runs decide it; undefined when the start may go on. */
async function checkReuse(h: History, key: RunKey, input: StartInput): Promise<StartAnswer | undefined> {
  const found = await findRun(h, key.slot, key.namespaceId, key.workflowId);
  if (found === undefined || found.status === WorkflowStatus.RUNNING) {
    if (found !== undefined) await loadRun(h, { ...key, runId: found.runId });
    return undefined;
  }
  const own = await loadRun(h, key);
  if (own !== undefined) return existing(h, own);
  if (input.reusePolicy === ReusePolicy.ALLOW_FAILED_ONLY && found.status !== WorkflowStatus.COMPLETED) return undefined;
  throw alreadyStarted(key.workflowId, found.runId, 'has a closed run, and the reuse policy forbids another');
}

/** The request has begun the chain of the open run, whose first run may no longer be kept. */
function isOwnChain(open: HotRun | undefined, key: RunKey): open is HotRun {
  return open !== undefined && open.state.firstRunId === key.runId;
}

async function conflict(h: History, open: HotRun, input: StartInput): Promise<StartAnswer> {
  await settled(h, open);
  // A run that has come up meanwhile is for the caller to address.
  if (input.signal !== undefined || input.update !== undefined) throw new Dropped();
  if (input.conflictPolicy === ConflictPolicy.USE_EXISTING) return { runId: open.key.runId, started: false };
  throw alreadyStarted(open.key.workflowId, open.key.runId, 'has an open run');
}

function alreadyStarted(workflowId: string, runId: string, why: string): PerdureError {
  return new PerdureError('WORKFLOW_ALREADY_STARTED', `workflow "${workflowId}" ${why} (${runId})`, {
    workflow_id: workflowId,
    run_id: runId,
  });
}

/** Starts, terminating the open run in the same unit when the policy says so. */
async function begin(h: History, key: RunKey, input: StartInput, replaced: HotRun | undefined): Promise<StartAnswer> {
  admit(h, 'start');
  const { namespaceId, workflowId, runId } = key;
  const run = newHotRun(key, emptyState({ namespaceId, workflowId, runId }, h.node.claimedAt), h.env.now());
  const units: Stepped[] = [];
  if (replaced !== undefined) {
    const details = { reason: `replaced by run ${runId}`, details: [], identity: input.identity, requestId: '' };
    units.push({ run: replaced, transition: stepRun(h, replaced, 'terminate', details).transition });
  }
  units.push({ run, transition: stepRun(h, run, 'start', input).transition, start: true });
  addRun(h, run);
  commitTransitions(h, units, 'start');
  // The new run is the open one also when its predecessor's close was noted after it.
  h.open.set(openKey(namespaceId, workflowId), run);
  try {
    await settled(h, run);
    // A run that was read meanwhile may have stood here as the open one; it has closed, or this start were refused.
    if (isOpen(run.state) && !run.dropped) h.open.set(openKey(namespaceId, workflowId), run);
    return { runId, started: true };
  } catch (error) {
    if (error instanceof Refused) {
      // Taken: the other run is loaded and the policies asked again. Not taken: this very run exists.
      const other = await loadRun(h, { ...key, runId: error.openRunId ?? runId });
      if (error.openRunId === undefined && other !== undefined) return existing(h, other);
      throw new Dropped();
    }
    throw error;
  }
}
