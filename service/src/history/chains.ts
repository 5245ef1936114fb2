/** Runs that follow each other: the successor a transition names, and finding the end of a chain. */
import type { WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import type { CarriedSignals } from '../core/concepts.ts';
import { decodeFrame, splitFrames } from '../core/frames.ts';
import { MAX_PAGE_BYTES } from '../core/limits.ts';
import { isOpen } from '../core/state.ts';
import { PerdureError } from '../errors.ts';
import type { RunRef } from '../roles.ts';
import type { History } from './context.ts';
import { loadRun, resolveRun } from './loading.ts';
import type { HotRun } from './run.ts';

/** The newest run of the workflow id: the open one, else the one closed last. */
async function newestRun(h: History, { key }: { key: HotRun['key'] }): Promise<HotRun | undefined> {
  return resolveRun(h, key.namespaceId, key.workflowId, '', key.slot);
}

/** The run at the end of the chain of a run that has closed; the run itself when none follows it. */
export async function lastOfChain(h: History, run: HotRun): Promise<HotRun> {
  if (run.state.newRunId === '') return run;
  const newest = await newestRun(h, run);
  if (newest !== undefined && newest.state.firstRunId === run.state.firstRunId) return newest;
  // Another chain has begun since: the runs are followed one by one, as far as they are kept.
  let last = run;
  while (last.state.newRunId !== '') {
    const next = await loadRun(h, { ...last.key, runId: last.state.newRunId });
    if (next === undefined) return last;
    last = next;
  }
  return last;
}

/** The run that has taken the place of one that is no longer kept: the open one, if that was the first run of its chain. */
export async function heirOf(h: History, ref: RunRef, slot: number): Promise<HotRun | undefined> {
  const newest = await resolveRun(h, ref.namespaceId, ref.workflowId, '', slot);
  return newest?.state.firstRunId === ref.runId && newest.state.deleting !== true ? newest : undefined;
}

/** The run that a request means which a closed run cannot take: when the run has been continued, the one that continues it. */
export async function continued(h: History, run: HotRun): Promise<HotRun> {
  return isOpen(run.state) ? run : lastOfChain(h, run);
}

/** The signals that a completion carries into the next run: they stand in the log, which is read for them. */
export async function carriedSignals(h: History, run: HotRun, completion: WorkflowTaskCompletion): Promise<CarriedSignals | undefined> {
  const last = completion.commands.at(-1)?.attributes;
  if (last?.$case !== 'continueAsNew' || last.value.carry.length === 0) return undefined;
  const wanted = new Set(last.value.carry.map(Number));
  const [first, end] = [Number(last.value.carry[0]), Number(last.value.carry.at(-1))];
  const signals = new Map<number, CarriedSignals extends ReadonlyMap<number, infer S> ? S : never>();
  for (let next = first; next <= Math.min(end, run.committedEventId); ) {
    const rows = await readRows(h, run, next);
    const before = next;
    for (const row of rows) {
      for (const [index, frame] of splitFrames(row.events).entries()) {
        const id = row.firstEventId + index;
        next = Math.max(next, id + 1);
        const attributes = wanted.has(id) ? decodeFrame(frame).attributes : undefined;
        if (attributes?.$case === 'workflowSignaled') signals.set(id, attributes.value);
      }
    }
    if (next === before) break;
  }
  return signals;
}

async function readRows(h: History, run: HotRun, from: number): ReturnType<History['store']['readHistory']> {
  try {
    return await h.store.readHistory(run.key.slot, run.key.runId, from, MAX_PAGE_BYTES);
  } catch (error) {
    throw new PerdureError('DATABASE_UNAVAILABLE', `the history could not be read: ${String(error)}`, {}, 500);
  }
}
