// Where one scenario plays: its names, runs and tasks, and the processes it may use.
import type { Feature } from './features.ts';
import { pick } from './match.ts';
import { type Json, type JsonObject, uuidv7 } from './values.ts';
import type { Wire } from './wire.ts';
import type { SdkWorker } from './worker-process.ts';

export interface Run {
  readonly workflowId: string;
  readonly runId: string;
  /** False when the start was answered with a run that existed. */
  readonly started: boolean;
}

/** A task the harness took as a worker. */
export interface HeldTask {
  readonly kind: 'workflow' | 'activity';
  readonly task: JsonObject;
}

/** The service a scenario talks to; only one of its own can be stopped. */
export interface ServiceProcess {
  readonly address: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** It is there and does nothing, as when its machine is suspended. */
  freeze(): void;
  thaw(): void;
}

/** The SDK worker of a scenario; only one of its own can be stopped. */
export interface WorkerSlot {
  current: SdkWorker | undefined;
  /** The current one and those before it. */
  readonly all: SdkWorker[];
  readonly own: boolean;
  start(options: JsonObject): Promise<SdkWorker>;
}

export interface Stage {
  readonly feature: Feature;
  readonly wire: Wire;
  readonly namespace: string;
  readonly taskQueue: string;
  /** All workflow ids of the scenario begin so. */
  readonly idPrefix: string;
  readonly service: ServiceProcess | undefined;
  readonly worker: WorkerSlot | undefined;
  readonly runs: Map<string, Run>;
  readonly tasks: Map<string, HeldTask>;
  /** Next tasks that came with an answer and wait to be polled, by raw worker. */
  readonly nextTasks: Map<string, JsonObject[]>;
  readonly captured: Map<string, Json>;
  readonly background: Map<string, Promise<void>>;
  /** UUIDs made for `${uuid:name}`. */
  readonly uuids: Map<string, string>;
}

export function workflowIdOf({ idPrefix, runs }: Stage, run: string): string {
  return runs.get(run)?.workflowId ?? `${idPrefix}${run}`;
}

/** The value of `${name}`. */
export function lookUp(stage: Stage, name: string): Json | undefined {
  const { taskQueue, namespace, idPrefix, captured, tasks, runs, uuids } = stage;
  if (name === 'taskQueue') return taskQueue;
  if (name === 'namespace') return namespace;
  if (name === 'idPrefix') return idPrefix;
  if (name.startsWith('uuid:')) return uuidNamed(uuids, name.slice(5));
  const [first = '', ...rest] = name.split('.');
  const path = rest.join('.');
  const value = captured.get(first);
  if (value !== undefined) return pick(value, path);
  const held = tasks.get(first);
  if (held !== undefined) return pick(held.task, path);
  const run = path === '' ? runs.get(first) : undefined;
  if (run !== undefined) return { workflowId: run.workflowId, runId: run.runId };
  if (path === 'workflowId') return workflowIdOf(stage, first);
  if (path === 'runId') return runs.get(first)?.runId;
  return undefined;
}

/** The same name is the same UUID throughout a scenario. */
export function uuidNamed(uuids: Map<string, string>, name: string): string {
  const uuid = uuids.get(name) ?? uuidv7();
  uuids.set(name, uuid);
  return uuid;
}

/** What histories show in place of ids. */
export function knownNames({ runs, uuids, taskQueue, idPrefix }: Stage): Map<string, string> {
  const known = new Map<string, string>([
    [taskQueue, '<queue>'],
    [idPrefix, '<id>/'],
  ]);
  for (const [name, { workflowId, runId }] of [...runs].reverse()) known.set(workflowId, `<${name}>`).set(runId, `<${name}.run>`);
  for (const [name, uuid] of uuids) known.set(uuid, `<${name}>`);
  return known;
}
