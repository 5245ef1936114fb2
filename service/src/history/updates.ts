/**
 * Updates: sent to the run's code with a task, and awaited. Who waits is told by the transition that decides, when it is
 * committed. What has not been accepted is in memory only and stays no longer than somebody waits for it: a caller whose wait is
 * over sends it again.
 */
import { UpdateStage } from '@perdure/proto/perdure/api/v1/update';
import type { UpdateOutcome } from '@perdure/proto/perdure/api/v1/workflow_service';
import { decodeFrame, splitFrames } from '../core/frames.ts';
import { isOpen } from '../core/state.ts';
import { cutOff, standingOf, type UpdateStanding } from '../core/update.ts';
import { PerdureError } from '../errors.ts';
import type { RunRef, UpdateAnswer, UpdateInput, UpdateWait } from '../roles.ts';
import { act, settled } from './act.ts';
import type { History } from './context.ts';
import { admit } from './lane.ts';
import { openRun, routed, wantedRun } from './requests.ts';
import type { HotRun } from './run.ts';
import type { UpdateWaiter } from './update-waits.ts';

const { ADMITTED, ACCEPTED, COMPLETED } = UpdateStage;

export function updateWorkflow(h: History, ref: RunRef, input: UpdateInput, wait: UpdateWait): Promise<UpdateAnswer> {
  const until = h.env.now() + wait.waitMs;
  return routed(h, async () => {
    const named = await openRun(h, ref);
    // A run that has been continued still answers for what it has accepted.
    const earlier = ref.runId === '' || ref.runId === named.key.runId ? undefined : await wantedRun(h, ref);
    const knows = earlier !== undefined && standingOf(earlier.state, input.request.updateId) !== undefined;
    return sendUpdate(h, knows ? earlier : named, input, wait, until);
  });
}

/** An update that was sent before. Rejects with UPDATE_NOT_FOUND when its run does not know it. */
export function awaitUpdate(h: History, ref: RunRef, updateId: string, wait: UpdateWait): Promise<UpdateAnswer> {
  const until = h.env.now() + wait.waitMs;
  return routed(h, async () => {
    const run = await wantedRun(h, ref);
    const standing = standingOf(run.state, updateId);
    if (standing !== undefined) return reached(h, run, updateId, standing, wait, until);
    await settled(h, run);
    const { workflowId, runId } = run.key;
    const facts = { workflow_id: workflowId, run_id: runId, update_id: updateId };
    throw new PerdureError('UPDATE_NOT_FOUND', `run ${runId} of workflow "${workflowId}" has accepted no update "${updateId}"`, facts);
  });
}

/** Hands an update to the run, or finds the one of the same id, and waits for it. */
export async function sendUpdate(h: History, run: HotRun, input: UpdateInput, wait: UpdateWait, until: number): Promise<UpdateAnswer> {
  admit(h, 'request');
  let standing: UpdateStanding;
  try {
    standing = act(h, run, 'update', input, 'request');
  } catch (error) {
    if (error instanceof PerdureError && !run.dropped) await settled(h, run);
    throw error;
  }
  return reached(h, run, input.request.updateId, standing, wait, until);
}

/** Resolves when the update has come as far as wanted, or with the stage it has when the time is over. */
async function reached(
  h: History,
  run: HotRun,
  updateId: string,
  standing: UpdateStanding,
  wait: UpdateWait,
  until: number,
): Promise<UpdateAnswer> {
  const { runId } = run.key;
  if (standing.kind === 'completed') {
    await settled(h, run);
    return { runId, stage: COMPLETED, outcome: await readOutcome(h, run, standing.eventId) };
  }
  if (standing.kind === 'accepted') {
    if (wait.stage === ACCEPTED) {
      await settled(h, run);
      return { runId, stage: ACCEPTED, outcome: undefined };
    }
    if (!isOpen(run.state)) {
      await settled(h, run);
      throw cutOff(run.state, updateId);
    }
  }
  const answer = await told(h, run, updateId, wait, until);
  if (answer !== undefined) return answer;
  // Not accepted, it is forgotten by now unless somebody else waits.
  const stage = run.state.updates?.has(updateId) ? ACCEPTED : ADMITTED;
  await settled(h, run);
  return { runId, stage, outcome: undefined };
}

/** What the run's news say; undefined when the time is over first, or the caller has gone. */
function told(h: History, run: HotRun, updateId: string, wait: UpdateWait, until: number): Promise<UpdateAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      timer.cancel();
      unwake();
      wait.abort.removeEventListener('abort', giveUp);
      const waiting = run.updateWaits?.get(updateId);
      waiting?.delete(waiter);
      if (waiting?.size === 0) run.updateWaits?.delete(updateId);
      if (run.updateWaits?.size === 0) run.updateWaits = undefined;
    };
    const waiter: UpdateWaiter = {
      stage: wait.stage,
      resolve(answer) {
        leave();
        resolve(answer);
      },
      reject(error) {
        leave();
        reject(error);
      },
    };
    const giveUp = (): void => {
      leave();
      resolve(undefined);
      if (!run.dropped && !run.broken && !run.updateWaits?.has(updateId)) act(h, run, 'forgetUpdate', { updateId });
    };
    run.updateWaits ??= new Map();
    const waiting = run.updateWaits.get(updateId) ?? new Set();
    run.updateWaits.set(updateId, waiting.add(waiter));
    const timer = h.env.setTimer(Math.max(0, until - h.env.now()), giveUp);
    const unwake = h.waits.onWakeAll(giveUp);
    wait.abort.addEventListener('abort', giveUp);
    if (wait.abort.aborted) giveUp();
  });
}

async function readOutcome(h: History, run: HotRun, eventId: number): Promise<UpdateOutcome> {
  const frame = run.tail.find((event) => event.id === eventId)?.frame ?? (await readFrame(h, run, eventId));
  const attributes = frame === undefined ? undefined : decodeFrame(frame).attributes;
  if (attributes?.$case !== 'updateCompleted') throw new Error(`event ${eventId} of run ${run.key.runId} is no completion of an update`);
  return { outcome: attributes.value.outcome };
}

async function readFrame(h: History, run: HotRun, eventId: number): Promise<Uint8Array | undefined> {
  try {
    const rows = await h.store.readHistory(run.key.slot, run.key.runId, eventId, 1);
    const row = rows[0];
    return row === undefined ? undefined : splitFrames(row.events)[eventId - row.firstEventId];
  } catch (error) {
    throw new PerdureError('DATABASE_UNAVAILABLE', `the outcome of the update could not be read: ${String(error)}`, {}, 500);
  }
}
