// Runs tasks in one sandbox context on this thread: bytes in, bytes out. Both engines are made of it.

import { setImmediate } from 'node:timers/promises';
import type { Failure } from '@perdure/proto/perdure/api/v1/failure';
import { WorkflowTask, WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { WorkflowTaskFailure } from '@perdure/proto/perdure/api/v1/worker_service';
import { timestampToMs } from '../common/duration.ts';
import type { EngineOptions, LogLevel } from '../worker/engine.ts';
import { DYNAMIC } from '../workflow/run.ts';
import { OP, STATUS } from './border.ts';
import { measureModules } from './measure.ts';
import { createRealm, type EnteredRun, nobody, type Realm } from './realm-host.ts';
import { createRunCache } from './run-cache.ts';
import { createStackMapper } from './stack-map.ts';
import { watchUnhandled } from './unhandled.ts';

/** A task but for its history, which stays encoded until the sandbox reads it. */
export interface TaskFacts {
  readonly workflowId: string;
  readonly runId: string;
  readonly workflowType: string;
  readonly base: bigint;
  readonly seen: bigint;
  /** Ms since 1970. */
  readonly started: number;
  readonly historyFrom: bigint;
  readonly historyBytes: number;
  readonly suggested: boolean;
  readonly queryOnly: boolean;
  /** A WorkflowTask that holds queries, updates and the attempt only; empty when nothing is asked. */
  readonly asked: Uint8Array;
  readonly complete: boolean;
  /** Ms from its hand-out until the service gives the task to others. */
  readonly timeoutMs: number;
}

export type CoreAnswer = { kind: 'completed' | 'queries' | 'failed'; bytes: Uint8Array } | { kind: 'needHistory' | 'returned' };

export interface Core {
  readonly workflowTypes: readonly string[];
  activate(facts: TaskFacts, history: Uint8Array): Promise<CoreAnswer>;
  committed(runId: string, completedEventId: bigint, closed: boolean): void;
  evict(runId: string): void;
  cachedRuns(): number;
  /** The answer for a task that went wrong outside workflow code. */
  failed(facts: TaskFacts, error: unknown): CoreAnswer;
  close(): void;
}

export interface CoreOptions extends EngineOptions {
  /** Ends an activation, or some blocks of a replay, that take longer (only for suspects: it makes every entry slow). */
  entryTimeoutMs?: number;
  /** Told before and after every entry. */
  onEnter?(runId: string): void;
  onLeave?(): void;
}

const DEFAULT_CACHE_BYTES = 256 * 1024 * 1024;
const DEFAULT_TASK_TIMEOUT_MS = 10_000;
/** A replay gives way to other runs after this long. */
const SLICE_MS = 5;
/** Times an activation may run its reactions and go on: a bound also where no watchdog looks. */
const MAX_ENTRIES = 50_000;
/** Entries of one activation that have a time limit of their own among suspects. */
const LIMITED_ENTRIES = 100;
/** For a rejection's reason to become text: its getters are user code. */
const EXPLAIN_MS = 100;

const NONE = new Uint8Array(0);

export function factsOf(task: WorkflowTask): TaskFacts {
  return {
    workflowId: task.execution?.workflowId ?? '',
    runId: task.execution?.runId ?? '',
    workflowType: task.workflowType,
    base: task.baseEventId,
    seen: task.seenEventId,
    started: timestampToMs(task.startedTime),
    historyFrom: task.historyFromEventId,
    historyBytes: Number(task.historyBytes),
    suggested: task.continueAsNewSuggested,
    queryOnly: task.queryOnly,
    asked: askedBy(task),
    complete: task.historyNextEventId === 0n,
    timeoutMs: Number(task.taskTimeoutMs) || DEFAULT_TASK_TIMEOUT_MS,
  };
}

function askedBy({ queries, updates, attempt }: WorkflowTask): Uint8Array {
  if (queries.length === 0 && updates.length === 0) return NONE;
  return WorkflowTask.encode(WorkflowTask.fromPartial({ queries, updates, attempt })).finish();
}

/** Makes a context and evaluates the bundle once. Rejects when the bundle cannot be evaluated. */
export async function createCore(options: CoreOptions): Promise<Core> {
  const mapper = createStackMapper(options.bundle);
  const cache = createRunCache(options.cacheBytes ?? DEFAULT_CACHE_BYTES);
  const unwatch = watchUnhandled();
  let current = createRealm(options);
  const types = describeWorkflows(current, options, mapper.text);
  const moduleBytes = measureModules(current, options);

  const replace = (): void => {
    cache.clear();
    const next = createRealm(options);
    describeWorkflows(next, options, mapper.text);
    current = next;
  };

  const drop = (runId: string): void => {
    cache.delete(runId);
    current.door.drop(runId);
  };

  /** What a rejection says. Made in an entry of its own: whatever user code does there stays there. */
  const explainReason = (realm: Realm, reason: unknown): string => {
    realm.door.explain(reason);
    realm.door.put(OP.explain, '', undefined);
    try {
      const status = realm.enter(nobody(), EXPLAIN_MS);
      const text = String(realm.door.answer());
      realm.door.leave();
      if (status === STATUS.done) return mapper.text(text);
    } catch {
      // It took too long: as good as broken.
    }
    if (realm === current) replace();
    return 'a value that cannot be shown';
  };

  return {
    workflowTypes: [...types.keys()],
    async activate(facts, history) {
      const { runId } = facts;
      const label = cache.labelOf(runId);
      if (label !== 'absent' && label !== facts.base) drop(runId);
      const fresh = cache.labelOf(runId) === 'absent';
      if (!facts.complete || (fresh && facts.historyFrom !== 1n)) {
        drop(runId);
        return { kind: 'needHistory' };
      }
      const realm = current;
      const entered = enteredRun(facts, options, (reason) => explainReason(realm, reason));
      const answer = await drive(realm, entered, { facts, history }, options, () => realm !== current);
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
        for (const gone of cache.put(runId, next, {
          historyBytes: facts.historyBytes,
          moduleBytes: moduleBytes.get(types.get(facts.workflowType) ?? types.get(DYNAMIC) ?? ''),
        }))
          realm.door.drop(gone);
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
async function drive(realm: Realm, run: EnteredRun, given: GivenTask, options: CoreOptions, gone: () => boolean): Promise<Driven> {
  let slice = performance.now();
  let task: GivenTask | undefined = given;
  for (;;) {
    const status = settle(realm, run, task, options);
    if (typeof status === 'string') return status;
    task = undefined;
    if (status === STATUS.block) {
      if (performance.now() - slice < SLICE_MS) continue;
      // Others must not find this run as the current one.
      realm.door.leave();
      await setImmediate();
      slice = performance.now();
      if (gone()) return 'gone';
      continue;
    }
    const answer = realm.door.answer();
    // Copied out: the array belongs to the context.
    const copy = new Uint8Array(answer.length);
    if (typeof answer !== 'string') copy.set(answer);
    realm.door.leave();
    return { status, bytes: copy };
  }
}

/**
 * Enters until there is more to do than to run reactions. The watchdog and the time limit see this as one step: code that waits for what
 * is always true would come back here for ever. `task` begins a task; without it the one in progress goes on.
 */
function settle(realm: Realm, run: EnteredRun, task: GivenTask | undefined, options: CoreOptions): number | 'broken' | 'timeout' {
  const { entryTimeoutMs: limit } = options;
  const until = limit === undefined ? 0 : performance.now() + limit;
  options.onEnter?.(run.runId);
  try {
    for (let entry = 0; entry < MAX_ENTRIES; entry += 1) {
      const left = limit === undefined ? undefined : Math.ceil(until - performance.now());
      if (left !== undefined && left <= 0) return 'timeout';
      if (entry === 0 && task !== undefined) putTask(realm, task);
      else realm.door.put(OP.go, run.runId, undefined);
      // Rejections are told to what they happened in.
      const entered = { runId: run.runId, workflowType: run.workflowType, replaying: false, onUnhandled: run.onUnhandled };
      // A time limit costs more than most entries. A step of many has the watchdog alone, which replaces the thread.
      const status = realm.enter(entered, entry < LIMITED_ENTRIES ? left : undefined);
      entered.replaying = realm.door.replaying();
      if (status === STATUS.broken) return 'broken';
      if (status !== STATUS.drain) return status;
    }
    return 'timeout';
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return 'timeout';
    throw error;
  } finally {
    options.onLeave?.();
  }
}

interface GivenTask {
  readonly facts: TaskFacts;
  readonly history: Uint8Array;
}

function putTask({ door, alloc }: Realm, { facts, history }: GivenTask): void {
  const { runId, workflowType, base, seen, started, historyFrom, historyBytes, suggested, queryOnly, asked } = facts;
  door.putFacts(workflowType, base, seen, started, historyFrom, historyBytes, suggested, queryOnly);
  if (asked.length > 0) door.putAsked(alloc(asked));
  door.put(OP.begin, runId, alloc(history));
}

/** Types of workflows, each with the module that exports it. */
function describeWorkflows(realm: Realm, options: EngineOptions, map: (text: string) => string): Map<string, string> {
  realm.door.put(OP.describe, '', undefined);
  const status = realm.enter(nobody(), undefined);
  const answer = realm.door.answer();
  realm.door.takeLogs();
  realm.door.leave();
  if (status === STATUS.done) return new Map(JSON.parse(String(answer)) as [string, string][]);
  const failure = status === STATUS.failed ? WorkflowTaskFailure.decode(new Uint8Array(answer as Uint8Array)).failure : undefined;
  const why = failure === undefined ? 'its reactions did not end' : map(failure.stackTrace === '' ? failure.message : failure.stackTrace);
  throw new Error(`workflow code cannot be loaded (${options.bundle.modules.join(', ')}): ${failure?.message ?? ''}\n${why}`);
}

function enteredRun(facts: TaskFacts, options: EngineOptions, explain: (reason: unknown) => string): EnteredRun {
  let told = false;
  const { runId, workflowId, workflowType } = facts;
  return {
    runId,
    workflowType,
    replaying: false,
    onUnhandled(reason, replaying) {
      // What happened in a block of the log was told when it was live.
      if (told || replaying) return;
      told = true;
      options.log('warn', `a promise of workflow code was rejected and nobody listens (yet): ${explain(reason)}`, {
        workflowId,
        runId,
        workflowType,
      });
    },
  };
}

function sendLogs(realm: Realm, facts: TaskFacts, options: EngineOptions): void {
  if (!realm.door.hasLogs()) return;
  const { workflowId, runId, workflowType } = facts;
  const lines = JSON.parse(realm.door.takeLogs()) as { level: LogLevel | 'metric'; message: string; fields: Record<string, unknown> }[];
  for (const { level, message, fields } of lines) options.log(level, message, { workflowId, runId, workflowType, ...fields });
}

const { DEADLOCK, WORKFLOW_ERROR } = WorkflowTaskFailureCause;

function explain(why: 'broken' | 'timeout', facts: TaskFacts): Uint8Array {
  if (why === 'timeout') return encodeFailure(blockedMessage(facts.workflowType), DEADLOCK);
  return encodeFailure(`the code of workflow ${facts.workflowType} left its sandbox in an unknown state`, WORKFLOW_ERROR);
}

export function blockedMessage(workflowType: string): string {
  return `the code of workflow ${workflowType} blocked its thread: it must not loop or compute for long without waiting for what happens outside of it`;
}

export function encodeFailure(message: string, cause: WorkflowTaskFailureCause, stackTrace = ''): Uint8Array {
  const failure: Failure = { message, stackTrace, source: 'typescript', cause: undefined, encodedAttributes: undefined, info: undefined };
  return WorkflowTaskFailure.encode({ token: new Uint8Array(0), cause, failure }).finish();
}
