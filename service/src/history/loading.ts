/** Loads runs from the store: one load per run at a time, many runs in one read. */
import { PerdureError } from '../errors.ts';
import type { LoadedRun, RunKey } from '../store/store.ts';
import { type History, openKey } from './context.ts';
import { stepDue } from './due.ts';
import { buildRun } from './load.ts';
import { addRun, armDueTimer, isServing, mustOwn } from './memory.ts';
import { hurryLoaded } from './newcomers.ts';
import type { HotRun } from './run.ts';

const BATCH = 256;
const QUARANTINE_MS = 3_600_000;
const REVIVE_MS = 50;
const RETRY_MS = 1_000;

/** The run in memory, or read from the store; undefined when it does not exist. Throws INTERNAL for a run in quarantine. */
export function loadRun(h: History, key: RunKey): Promise<HotRun | undefined> {
  const hot = h.hot.get(key.runId);
  if (hot !== undefined) return Promise.resolve(hot);
  const loading = h.loading.get(key.runId);
  if (loading !== undefined) return loading;
  const promise = new Promise<HotRun | undefined>((resolve, reject) => {
    h.toLoad.push({ key, resolve, reject });
    if (h.toLoad.length === 1) h.env.setTimer(0, () => void loadBatch(h));
  }).finally(() => h.loading.delete(key.runId));
  h.loading.set(key.runId, promise);
  return promise;
}

async function loadBatch(h: History): Promise<void> {
  while (h.toLoad.length > 0) {
    const batch = h.toLoad.splice(0, BATCH);
    const claims = batch.map(({ key }) => h.node.claims[key.slot] as number);
    try {
      const loaded = await readRuns(
        h,
        batch.map(({ key }) => key),
        false,
      );
      for (const [index, each] of batch.entries()) await finishLoad(h, each, claims[index] as number, loaded.get(each.key.runId));
    } catch (error) {
      for (const { reject } of batch)
        reject(new PerdureError('DATABASE_UNAVAILABLE', `the run could not be read: ${String(error)}`, {}, 500));
    }
  }
}

async function readRuns(h: History, keys: readonly RunKey[], whole: boolean): Promise<Map<string, LoadedRun>> {
  const loaded = await h.store.loadRuns(h.node.info.nodeId, keys, whole);
  return new Map(loaded.map((each) => [each.key.runId, each]));
}

async function finishLoad(h: History, wanted: History['toLoad'][number], claim: number, loaded: LoadedRun | undefined): Promise<void> {
  const { key, resolve, reject } = wanted;
  try {
    mustBeCurrent(h, key, claim);
    if (h.hot.has(key.runId) || loaded === undefined) {
      resolve(h.hot.get(key.runId));
      return;
    }
    let run = build(h, loaded);
    if (run === undefined) {
      const all = (await readRuns(h, [key], true)).get(key.runId);
      mustBeCurrent(h, key, claim);
      run = all === undefined ? undefined : build(h, all);
    }
    resolve(run);
  } catch (error) {
    reject(error as Error);
  }
}

/** A read that began in an earlier ownership of the slot says nothing about this one. */
function mustBeCurrent(h: History, key: RunKey, claim: number): void {
  mustOwn(h, key.slot);
  if (h.node.claims[key.slot] !== claim) throw new PerdureError('UNAVAILABLE', 'the run changed hands while it was read', {}, 100);
}

function build(h: History, loaded: LoadedRun): HotRun | undefined {
  const { runId } = loaded.key;
  const until = h.quarantine.get(runId);
  if (until !== undefined && until > h.env.now()) throw quarantined(runId);
  try {
    const run = buildRun(loaded, h.node.claimedAt, h.env.now());
    h.quarantine.delete(runId);
    if (run === undefined) return undefined;
    addRun(h, run);
    stepDue(h, run);
    hurryLoaded(h, run);
    return run;
  } catch (error) {
    h.quarantine.set(runId, h.env.now() + QUARANTINE_MS);
    h.log('error', 'the log of a run cannot be folded; the run is set aside for an hour', { runId, error: String(error) });
    throw quarantined(runId);
  }
}

function quarantined(runId: string): PerdureError {
  return new PerdureError('INTERNAL', `the log of run ${runId} cannot be read; the service's log says why`, { run_id: runId });
}

/** Brings a run that has something to do into memory; what fails now is tried again, a run in quarantine when its time is over. */
export function wakeRun(h: History, key: RunKey): void {
  loadRun(h, key).catch((error: unknown) => {
    if (!isServing(h)) return;
    h.log('warn', 'a run that has work could not be read now', { runId: key.runId, error: String(error) });
    h.due.set(key, h.quarantine.get(key.runId) ?? h.env.now() + RETRY_MS);
    armDueTimer(h);
  });
}

/** Reads a dropped run again soon, if it has anything to do. */
export function revive(h: History, key: RunKey): void {
  h.env.setTimer(REVIVE_MS, () => {
    if (isServing(h)) wakeRun(h, key);
  });
}

/** The run a request means: the one named, else the open one, else the newest closed one. */
export async function resolveRun(
  h: History,
  namespaceId: string,
  workflowId: string,
  runId: string,
  slot: number,
): Promise<HotRun | undefined> {
  mustOwn(h, slot);
  if (runId !== '') {
    const run = await loadRun(h, { slot, namespaceId, workflowId, runId });
    return run?.key.workflowId === workflowId && run.key.namespaceId === namespaceId ? run : undefined;
  }
  const name = openKey(namespaceId, workflowId);
  const open = h.open.get(name);
  if (open !== undefined) return open;
  const found = await findRun(h, slot, namespaceId, workflowId);
  // Started or loaded while we read: memory is ahead.
  const started = h.open.get(name);
  if (started !== undefined || found === undefined) return started;
  return loadRun(h, { slot, namespaceId, workflowId, runId: found.runId });
}

/** The open run of a workflow id in the store, else the newest closed one. */
export async function findRun(
  h: History,
  slot: number,
  namespaceId: string,
  workflowId: string,
): Promise<{ runId: string; status: number } | undefined> {
  try {
    return await h.store.findRun(h.node.info.nodeId, slot, namespaceId, workflowId);
  } catch (error) {
    throw new PerdureError('DATABASE_UNAVAILABLE', `the run could not be looked up: ${String(error)}`, {}, 500);
  }
}
