// Plays one feature: its steps, then its histories against history.txt, then their replay, and cleans up.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventsOf, readHistory } from './client-steps.ts';
import { type Feature, writeHistories } from './features.ts';
import { diff, historyLines, normalise } from './history.ts';
import { record, recordedRuns } from './recorded.ts';
import { knownNames, type ServiceProcess, type Stage, type WorkerSlot } from './stage.ts';
import { playSteps } from './steps.ts';
import { RAW_SDK } from './task-steps.ts';
import type { JsonObject } from './values.ts';
import { Refusal, type Wire } from './wire.ts';
import type { SdkWorker, StartOrder } from './worker-process.ts';

/** What all features of a suite share. */
export interface Suite {
  readonly wire: Wire;
  readonly address: string;
  readonly namespace: string;
  /** Begins all workflow ids and task queues of this run of the suite. */
  readonly prefix: string;
  readonly worker: SdkWorker | undefined;
  readonly replays: boolean;
  /** Write history.txt, and record what was not yet. */
  readonly update: boolean;
  /** Record all anew. */
  readonly record: boolean;
  /** Why a recorded history changes; '' is none. */
  readonly reason: string;
  connect(address: string): Wire;
  startWorker(order: StartOrder): Promise<SdkWorker>;
  /** Undefined when the suite runs against a given service. */
  readonly startService: (() => Promise<ServiceProcess>) | undefined;
}

/** The task queue of the worker that features share. */
export const sharedQueue = (prefix: string): string => `${prefix}shared`;

/** Rejects with what went wrong; resolves with what was written. */
export async function playFeature(suite: Suite, feature: Feature): Promise<string[]> {
  const { scenario } = feature;
  const service = scenario.service === 'own' ? await suite.startService?.() : undefined;
  const stage = await setStage(suite, feature, service);
  try {
    if (stage.worker?.own && stage.worker.current === undefined) stage.worker.current = await stage.worker.start(scenario.options ?? {});
    await playSteps(stage, scenario.steps);
    const histories = await fetchHistories(stage);
    const written = compareHistories(suite, stage, histories);
    return [...written, ...(await replayAll(suite, stage, histories))];
  } finally {
    await tidy(stage, suite);
  }
}

async function setStage(suite: Suite, feature: Feature, service: ServiceProcess | undefined): Promise<Stage> {
  const { scenario, name } = feature;
  const address = service?.address ?? suite.address;
  const idPrefix = `${suite.prefix}${name}/`;
  const needsWorker = scenario.parts.length > 0;
  const own = needsWorker && (scenario.worker === 'own' || scenario.service === 'own' || scenario.options !== undefined);
  const taskQueue = !needsWorker || own ? `${suite.prefix}${name}` : sharedQueue(suite.prefix);
  const all = own || suite.worker === undefined ? [] : [suite.worker];
  const start = async (options: JsonObject): Promise<SdkWorker> => {
    const started = await suite.startWorker({ address, namespace: suite.namespace, taskQueue, features: [name], options });
    all.push(started);
    return started;
  };
  const worker: WorkerSlot | undefined = needsWorker ? { own, all, current: all[0], start } : undefined;
  return {
    feature,
    wire: service === undefined ? suite.wire : suite.connect(address),
    namespace: suite.namespace,
    taskQueue,
    idPrefix,
    service,
    worker,
    runs: new Map(),
    tasks: new Map(),
    nextTasks: new Map(),
    captured: new Map(),
    background: new Map(),
    uuids: new Map(),
  };
}

async function fetchHistories(stage: Stage): Promise<Map<string, Uint8Array>> {
  const { histories } = stage.feature.scenario;
  const wanted = histories ?? [...stage.runs].filter(([, { started }]) => started).map(([name]) => name);
  const found = new Map<string, Uint8Array>();
  for (const run of wanted) {
    if (!stage.runs.has(run)) throw new Error(`histories: no run ${run} was started`);
    found.set(run, await readHistory(stage, run));
  }
  return found;
}

const linesOf = (stage: Stage, bytes: Uint8Array): string[] =>
  normalise(historyLines(eventsOf(Buffer.from(bytes).toString('base64'))), knownNames(stage));

function compareHistories(suite: Suite, stage: Stage, histories: ReadonlyMap<string, Uint8Array>): string[] {
  const { feature } = stage;
  const actual = new Map([...histories].map(([run, bytes]) => [run, linesOf(stage, bytes)]));
  const path = join(feature.folder, 'history.txt');
  if (suite.update) {
    const text = writeHistories(actual);
    if (text === '' || (existsSync(path) && readFileSync(path, 'utf8') === text)) return [];
    writeFileSync(path, text);
    return ['history.txt written'];
  }
  const wrong: string[] = [];
  for (const [run, lines] of actual) {
    const expected = feature.histories.get(run);
    if (expected === undefined) wrong.push(`history.txt has no section "# ${run}": --update writes it`);
    else {
      const changed = diff(expected, lines);
      if (changed.length > 0) wrong.push(`the history of ${run} differs (- expected, + actual):`, ...changed.map((line) => `  ${line}`));
    }
  }
  for (const run of feature.histories.keys())
    if (!actual.has(run)) wrong.push(`history.txt has a section "# ${run}", but no such run was started`);
  if (wrong.length > 0) throw new Error(wrong.join('\n    '));
  return [];
}

/** Histories that code of the SDK made, of this run and recorded ones, must replay with the code as it is. R-REPLAY-1. */
async function replayAll(suite: Suite, stage: Stage, histories: ReadonlyMap<string, Uint8Array>): Promise<string[]> {
  const { feature, worker } = stage;
  const { parts, noReplay } = feature.scenario;
  if (!suite.replays || worker?.current === undefined || !parts.includes('workflow') || noReplay !== undefined) return [];
  const replayed = [...histories].filter(([, bytes]) => isOfSdk(bytes));
  for (const [run, bytes] of replayed) await replayOne(worker.current, feature.name, bytes, `the history of ${run}`);
  const written: string[] = [];
  for (const [run, bytes] of replayed) {
    if (suite.record || (suite.update && !recordedRuns(feature.name).has(run)))
      written.push(record(feature.name, run, bytes, linesOf(stage, bytes), suite.reason));
  }
  const recorded = recordedRuns(feature.name);
  const missing = replayed.map(([run]) => run).filter((run) => !recorded.has(run));
  if (missing.length > 0) throw new Error(`no recorded history of ${missing.join(', ')}: --record writes it`);
  for (const [run, bytes] of recorded) await replayOne(worker.current, feature.name, bytes, `the recorded history of ${run}`);
  return written;
}

/** Whether code of the SDK, and no worker that the harness played, made it. */
function isOfSdk(bytes: Uint8Array): boolean {
  const completions = eventsOf(Buffer.from(bytes).toString('base64'))
    .map(({ attributes }) => attributes)
    .filter((attributes) => attributes?.$case === 'workflowTaskCompleted');
  return completions.length > 0 && completions.every(({ value }) => value.sdkName !== RAW_SDK);
}

async function replayOne(worker: SdkWorker, feature: string, history: Uint8Array, what: string): Promise<void> {
  try {
    await worker.replay(feature, history);
  } catch (error) {
    throw new Error(`${what} does not replay: ${error instanceof Refusal ? String(error.facts.message) : (error as Error).message}`);
  }
}

/** Nothing of the feature goes on: neither processes nor runs. */
async function tidy(stage: Stage, suite: Suite): Promise<void> {
  if (stage.worker?.own) await stage.worker.current?.stop();
  if (stage.service === undefined) await terminateAll(suite.wire, suite.namespace, stage.idPrefix);
  else {
    stage.wire.close();
    await stage.service.stop();
  }
}

/** Terminates every open run whose workflow id begins so. */
export async function terminateAll(wire: Wire, namespace: string, idPrefix: string): Promise<void> {
  for (;;) {
    const filter = `WorkflowId STARTS_WITH '${idPrefix}' AND Status = 'Running'`;
    const { workflows = [] } = (await wire.call('ListWorkflows', { namespace, filter, pageSize: 1_000 })) as { workflows?: JsonObject[] };
    if (workflows.length === 0) return;
    const ended = workflows.map(({ execution = {} }) =>
      wire.call('TerminateWorkflow', { namespace, execution, reason: 'the conformance suite ends', identity: 'conformance' }),
    );
    // It may close by itself meanwhile.
    await Promise.allSettled(ended);
  }
}
