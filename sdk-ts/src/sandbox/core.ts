// Runs tasks in one sandbox context on this thread: bytes in, bytes out. Both engines are made of it.

import { setImmediate } from 'node:timers/promises';
import type { Failure } from '@perdure/proto/perdure/api/v1/failure';
import { type WorkflowTask, WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { WorkflowTaskFailure } from '@perdure/proto/perdure/api/v1/worker_service';
import type { EngineOptions, LogLevel } from '../worker/engine.ts';
import { OP, STATUS } from './border.ts';
import { measureModules } from './measure.ts';
import { createRealm, type EnteredRun, type Realm } from './realm-host.ts';
import { createRunCache } from './run-cache.ts';
import { createStackMapper } from './stack-map.ts';
import { watchUnhandled } from './unhandled.ts';

/** What the host must know about a task without decoding it. */
export interface TaskFacts {
  readonly workflowId: string;
  readonly runId: string;
  readonly workflowType: string;
  readonly base: bigint;
  readonly historyFrom: bigint;
  readonly historyBytes: number;
  readonly complete: boolean;
  /** Ms from its hand-out until the service gives the task to others. */
  readonly timeoutMs: number;
}

export type CoreAnswer = { kind: 'completed' | 'queries' | 'failed'; bytes: Uint8Array } | { kind: 'needHistory' | 'returned' };

export interface Core {
  readonly workflowTypes: readonly string[];
  activate(facts: TaskFacts, bytes: Uint8Array): Promise<CoreAnswer>;
  committed(runId: string, completedEventId: bigint, closed: boolean): void;
  evict(runId: string): void;
  cachedRuns(): number;
  /** The answer for a task that went wrong outside workflow code. */
  failed(facts: TaskFacts, error: unknown): CoreAnswer;
  close(): void;
}

export interface CoreOptions extends EngineOptions {
  /** Ends an entry that takes longer (only for suspects: it makes every entry slow). */
  entryTimeoutMs?: number;
  /** Told before and after every entry. */
  onEnter?(runId: string): void;
  onLeave?(): void;
}

const DEFAULT_CACHE_BYTES = 256 * 1024 * 1024;
const DEFAULT_TASK_TIMEOUT_MS = 10_000;
/** A replay gives way to other runs after this long. */
const SLICE_MS = 5;

export function factsOf(task: WorkflowTask): TaskFacts {
  return {
    workflowId: task.execution?.workflowId ?? '',
    runId: task.execution?.runId ?? '',
    workflowType: task.workflowType,
    base: task.baseEventId,
    historyFrom: task.historyFromEventId,
    historyBytes: Number(task.historyBytes),
    complete: task.historyNextEventId === 0n,
    timeoutMs: Number(task.taskTimeoutMs) || DEFAULT_TASK_TIMEOUT_MS,
  };
}

/** Makes a context and evaluates the bundle once. Rejects when the bundle cannot be evaluated. */
export async function createCore(options: CoreOptions): Promise<Core> {
  const mapper = createStackMapper(options.bundle);
  const cache = createRunCache(options.cacheBytes ?? DEFAULT_CACHE_BYTES);
  const unwatch = watchUnhandled();
  let current = createRealm(options);
  const workflowTypes = describeWorkflows(current, options, mapper.text);
  measureModules(current, options);

  const replace = (): void => {
    cache.clear();
    current = createRealm(options);
    describeWorkflows(current, options, mapper.text);
  };

  const drop = (runId: string): void => {
    cache.delete(runId);
    current.door.drop(runId);
  };

  return {
    workflowTypes,
    async activate(facts, bytes) {
      const { runId } = facts;
      const label = cache.labelOf(runId);
      if (label !== 'absent' && label !== facts.base) drop(runId);
      const fresh = cache.labelOf(runId) === 'absent';
      if (!facts.complete || (fresh && facts.historyFrom !== 1n)) {
        drop(runId);
        return { kind: 'needHistory' };
      }
      const realm = current;
      const entered = enteredRun(facts, options, mapper.text);
      const answer = await drive(realm, entered, bytes, options, () => realm !== current);
      sendLogs(realm, facts, options);
      if (answer === 'gone') return { kind: 'needHistory' };
      if (answer === 'broken' || answer === 'timeout') {
        replace();
        return { kind: 'failed', bytes: explain(answer, facts) };
      }
      const { status } = answer;
      if (status === STATUS.done || status === STATUS.queries) {
        // A query changes nothing: the run keeps its base.
        const next = status === STATUS.queries ? facts.base : undefined;
        for (const gone of cache.put(runId, next, facts.historyBytes)) realm.door.drop(gone);
      } else drop(runId);
      if (status === STATUS.needHistory) return { kind: 'needHistory' };
      return { kind: status === STATUS.failed ? 'failed' : status === STATUS.queries ? 'queries' : 'completed', bytes: answer.bytes };
    },
    committed(runId, completedEventId, closed) {
      if (closed) drop(runId);
      else cache.commit(runId, completedEventId);
    },
    evict: drop,
    cachedRuns: () => cache.size,
    failed(facts, error) {
      drop(facts.runId);
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { kind: 'failed', bytes: encodeFailure(`the SDK failed while it ran workflow ${facts.workflowType}: ${why}`, WORKFLOW_ERROR) };
    },
    close: unwatch,
  };
}

type Driven = { status: number; bytes: Uint8Array } | 'broken' | 'timeout' | 'gone';

/** Enters until the task is done. Between blocks of a long replay other runs go first. */
async function drive(realm: Realm, run: EnteredRun, task: Uint8Array, options: CoreOptions, gone: () => boolean): Promise<Driven> {
  let slice = performance.now();
  let bytes: Uint8Array | undefined = realm.alloc(task);
  let op: number = OP.begin;
  for (;;) {
    realm.door.put(op, run.runId, bytes);
    let status: number;
    options.onEnter?.(run.runId);
    try {
      status = realm.enter(run, options.entryTimeoutMs);
    } catch (error) {
      if ((error as { code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return 'timeout';
      throw error;
    } finally {
      options.onLeave?.();
    }
    op = OP.go;
    bytes = undefined;
    if (status === STATUS.broken) return 'broken';
    if (status === STATUS.drain) continue;
    if (status === STATUS.block) {
      if (performance.now() - slice < SLICE_MS) continue;
      await setImmediate();
      slice = performance.now();
      if (gone()) return 'gone';
      continue;
    }
    const answer = realm.door.answer();
    // Copied out: the array belongs to the context.
    const copy = typeof answer === 'string' ? new Uint8Array(0) : new Uint8Array(answer);
    realm.door.leave();
    return { status, bytes: copy };
  }
}

function describeWorkflows(realm: Realm, options: EngineOptions, map: (text: string) => string): string[] {
  const nobody: EnteredRun = { runId: '', workflowType: '', onUnhandled: () => {} };
  realm.door.put(OP.describe, '', undefined);
  const status = realm.enter(nobody, undefined);
  const answer = realm.door.answer();
  realm.door.takeLogs();
  realm.door.leave();
  if (status === STATUS.done) return JSON.parse(String(answer)) as string[];
  const failure = status === STATUS.failed ? WorkflowTaskFailure.decode(new Uint8Array(answer as Uint8Array)).failure : undefined;
  const why = failure === undefined ? 'its reactions did not end' : map(failure.stackTrace === '' ? failure.message : failure.stackTrace);
  throw new Error(`workflow code cannot be loaded (${options.bundle.modules.join(', ')}): ${failure?.message ?? ''}\n${why}`);
}

function enteredRun(facts: TaskFacts, options: EngineOptions, map: (text: string) => string): EnteredRun {
  let told = false;
  const { runId, workflowId, workflowType } = facts;
  return {
    runId,
    workflowType,
    onUnhandled(reason) {
      if (told) return;
      told = true;
      const text = map(String((reason as { stack?: unknown } | undefined)?.stack ?? reason));
      options.log('warn', `a promise of workflow code was rejected and nobody listens (yet): ${text}`, { workflowId, runId, workflowType });
    },
  };
}

function sendLogs(realm: Realm, facts: TaskFacts, options: EngineOptions): void {
  if (!realm.door.hasLogs()) return;
  const { workflowId, runId, workflowType } = facts;
  const lines = JSON.parse(realm.door.takeLogs()) as { level: LogLevel; message: string; fields: Record<string, unknown> }[];
  for (const { level, message, fields } of lines) options.log(level, message, { workflowId, runId, workflowType, ...fields });
}

const { DEADLOCK, WORKFLOW_ERROR } = WorkflowTaskFailureCause;

function explain(why: 'broken' | 'timeout', facts: TaskFacts): Uint8Array {
  if (why === 'timeout') return encodeFailure(blockedMessage(facts.workflowType), DEADLOCK);
  return encodeFailure(`the code of workflow ${facts.workflowType} left its sandbox in an unknown state`, WORKFLOW_ERROR);
}

export function blockedMessage(workflowType: string): string {
  return `the code of workflow ${workflowType} blocked its thread: it must not loop or compute for long without awaiting`;
}

export function encodeFailure(message: string, cause: WorkflowTaskFailureCause, stackTrace = ''): Uint8Array {
  const failure: Failure = { message, stackTrace, source: 'typescript', cause: undefined, info: undefined };
  return WorkflowTaskFailure.encode({ token: new Uint8Array(0), cause, failure }).finish();
}
