// The library's side of the border, evaluated once per sandbox context. Only text, numbers, booleans and copied bytes cross it.

// First, for its effect (a bare import is not sorted): other modules take these globals for granted when they are evaluated.
import './realm/globals.ts';
import { WorkflowTask, WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import { QueryTaskCompletion, WorkflowTaskCompletion, WorkflowTaskFailure } from '@perdure/proto/perdure/api/v1/worker_service';
import { errorToFailure } from '../common/failure.ts';
import { defaultPayloadConverter, type PayloadConverter } from '../common/payload-converter.ts';
import { type ActivationTask, advance, createSession, type Session, sortHistory } from '../workflow/activation.ts';
import { createRun } from '../workflow/create-run.ts';
import * as api from '../workflow/index.ts';
import type { WorkflowInterceptors } from '../workflow/interceptor.ts';
import { answerQuery } from '../workflow/query.ts';
import { formatSite, isNondeterminism } from '../workflow/replay.ts';
import { activeRun, DYNAMIC, type LogLine, type Run, setActive, setHost, type UserModule } from '../workflow/run.ts';
import { takeVariables } from '../workflow/variable.ts';
import { type Door, type LibraryHost, type LibrarySettings, OP, STATUS, type UserFactory } from './border.ts';
import './realm/globals.ts';
import { readHistory, readNews } from './read-history.ts';
import { installCode } from './realm/code.ts';
import { guardHost } from './realm/guard.ts';
import { createGlobalParent, createRunGlobal, harden } from './realm/harden.ts';
import { ABSENT, install } from './realm/install.ts';
import { connectText } from './realm/text.ts';
import { connectUrlParser } from './realm/url.ts';
import { captureSite, installStacks, placeOf } from './sites.ts';

/** All payloads of one completion together, in bytes: the service refuses more. */
const MAX_COMPLETION_BYTES = 3 * 1024 * 1024;
const MAX_LOG_LINES = 1000;

/** Everything the library keeps for its context. */
interface Context {
  readonly settings: LibrarySettings;
  readonly factory: UserFactory;
  readonly sharedFactory: UserFactory;
  /** Packages all runs of this context share. */
  shared: object;
  readonly globalParent: object;
  readonly runs: Map<string, Run>;
  /** Workflow type → module that exports it. */
  readonly types: Map<string, string>;
  logs: string[];
  /** Lines beyond what is kept of one task. */
  dropped: number;
  /** For OP.explain. */
  reason: unknown;
  /** For OP.begin. */
  task: ActivationTask;
  /** Tasks in progress: replays take turns between blocks. */
  readonly sessions: Map<string, Session>;
}

/** Thrown for a task whose workflow type this worker does not have. */
class UnknownWorkflowType extends Error {}

/** Thrown when the commands of one task are larger than the service takes. */
class TooLarge extends Error {}

/** Called once by the host with the function around the user's bundle. */
export function createLibrary(given: LibraryHost, factory: UserFactory, sharedFactory: UserFactory, settings: LibrarySettings): Door {
  const host = guardHost(given);
  connectUrlParser(host.parseUrl);
  connectText(host);
  const context: Context = {
    settings,
    factory,
    sharedFactory,
    shared: {},
    globalParent: {},
    runs: new Map(),
    types: new Map(),
    logs: [],
    dropped: 0,
    reason: undefined,
    task: NO_TASK,
    sessions: new Map(),
  };
  setHost({
    runInScope(scope, fn) {
      // Without a scope of its own, code is in the root of the current run.
      return (host.currentScope() ?? activeRun()?.root) === scope ? fn() : host.runInScope(scope, fn);
    },
    currentScope: host.currentScope,
    log: (line) => keepLog(context, line),
    captureSite,
    placeOf,
  });
  installStacks(settings.script);
  install(globalThis);
  installCode(globalThis);
  const door = createDoor(context);
  Object.defineProperty(globalThis, '__perdureEnter', { value: door.enter });
  harden(globalThis, [SHARED_API], [Error]);
  Object.assign(context, { globalParent: Object.freeze(createGlobalParent(globalThis)) });
  return door;
}

function createDoor(context: Context): Door & { enter(): void } {
  const resolved = Promise.resolve();
  let armed = false;
  let op = 0;
  let runId = '';
  let bytes: Uint8Array | undefined;
  let status: number = STATUS.failed;
  let answer: Uint8Array | string = '';
  let entered = 0;
  let drained = 0;
  let expected: Run | undefined;
  const onDrained = (): void => {
    drained += 1;
  };
  return {
    alloc: (size) => new Uint8Array(size),
    putFacts(workflowType, baseEventId, seenEventId, startedMs, historyFrom, historyBytes, continueAsNewSuggested, queryOnly) {
      const facts = { workflowType, baseEventId, seenEventId, startedMs, historyFrom, historyBytes, continueAsNewSuggested, queryOnly };
      context.task = { ...facts, queries: NO_TASK.queries, updates: NO_TASK.updates, attempt: NO_TASK.attempt };
    },
    putAsked(encoded) {
      const { queries, updates, attempt } = WorkflowTask.decode(encoded);
      context.task = { ...context.task, queries, updates, attempt };
    },
    put(nextOp, nextRunId, nextBytes) {
      op = nextOp;
      runId = nextRunId;
      bytes = nextBytes;
      armed = true;
    },
    // The one function the entry script calls. It never throws: an error that left the script would keep reactions for another run.
    enter() {
      // User code may find this function; without `put` by the host it does nothing.
      if (!armed) return;
      armed = false;
      try {
        [status, answer] = OPS[op as keyof typeof OPS](context, runId, bytes);
      } catch (error) {
        [status, answer] = [STATUS.failed, encodeFailure(context, runId, error)];
      }
      bytes = undefined;
      expected = activeRun();
      entered += 1;
      void resolved.then(onDrained);
    },
    // The canary: every reaction has run, and no other run took over.
    status: () => (entered === drained && expected === activeRun() ? status : STATUS.broken),
    answer: () => answer,
    leave() {
      setActive(undefined);
      answer = '';
    },
    drop(id) {
      context.runs.delete(id);
      context.sessions.delete(id);
    },
    replaying: () => activeRun()?.replaying ?? false,
    explain(reason) {
      context.reason = reason;
    },
    takeLogs() {
      if (context.dropped > 0) {
        const message = `${context.dropped} more log lines of one task are left out: at most ${MAX_LOG_LINES} are kept`;
        context.logs.push(JSON.stringify({ level: 'warn', message, fields: {} }));
        context.dropped = 0;
      }
      const text = `[${context.logs.join(',')}]`;
      context.logs = [];
      return text;
    },
    hasLogs: () => context.logs.length > 0,
  };
}

type Answer = [status: number, answer: Uint8Array | string];

const OPS: Record<(typeof OP)[keyof typeof OP], (context: Context, runId: string, bytes: Uint8Array | undefined) => Answer> = {
  [OP.describe]: describe,
  [OP.begin]: begin,
  [OP.go]: go,
  [OP.measure]: (context, name) => {
    loader(context)(name);
    return [STATUS.done, ''];
  },
  [OP.explain]: explain,
};

/** The reason of a rejection as text: user code (getters, toString) may run here, under no run. */
function explain(context: Context): Answer {
  setActive(undefined);
  const { reason } = context;
  context.reason = undefined;
  try {
    return [STATUS.done, `${(reason as { stack?: string } | null | undefined)?.stack ?? reason}`];
  } catch {
    return [STATUS.done, 'a value that cannot be shown'];
  }
}

/** Evaluates every module once, under no run, to learn the names of its workflows. */
function describe(context: Context): Answer {
  const own = createRunGlobal(context.globalParent);
  context.shared = context.sharedFactory(SHARED_API, {}, own, own, own);
  const load = loader(context);
  if (context.settings.converterModule !== '') converterOf(context, load);
  interceptorsOf(context, load);
  for (const name of context.settings.modules) {
    const module = load(name);
    for (const [key, value] of Object.entries(module)) {
      if (typeof value !== 'function' || Function.prototype.toString.call(value).startsWith('class')) continue;
      const other = context.types.get(key);
      if (other !== undefined && other !== name) throw new Error(`workflow "${key}" is exported by ${other} and by ${name}`);
      context.types.set(key, name);
    }
  }
  return [STATUS.done, JSON.stringify([...context.types])];
}

function failureTypesOf({ failureTypes }: LibrarySettings, type: string): ReadonlySet<string> {
  const own = Object.hasOwn(failureTypes, type) ? failureTypes[type] : undefined;
  return new Set([...(own ?? []), ...(failureTypes['*'] ?? [])]);
}

type Load = (name: string) => UserModule;

/** A fresh instance of the user's bundle: what its modules import from each other is one for all of them. */
function loader(context: Context): Load {
  const own = createRunGlobal(context.globalParent);
  const modules = context.factory(SHARED_API, context.shared, own, own, own);
  return (name) => (modules[name] as () => UserModule)();
}

/** A new task: finds or makes its run, then works. */
function begin(context: Context, runId: string, bytes: Uint8Array | undefined): Answer {
  const { task } = context;
  context.task = NO_TASK;
  const type = task.workflowType;
  let run = context.runs.get(runId);
  const cached = run !== undefined;
  if (run !== undefined && task.historyFrom > run.seenEventId + 1n && !task.queryOnly) return [STATUS.needHistory, ''];
  // A cached run has been through its blocks; what it was shown is not shown again.
  const sorted = sortHistory(run === undefined ? readHistory(bytes as Uint8Array) : readNews(bytes as Uint8Array, run.seenEventId));
  if (run === undefined) {
    if (sorted.started === undefined) return [STATUS.needHistory, ''];
    run = createRun(sorted.started, {
      namespace: context.settings.namespace,
      converter: defaultPayloadConverter,
      failureTypes: failureTypesOf(context.settings, type),
    });
  }
  setActive(run);
  // Evaluates user code: not before its own run is the current one.
  const load = lazily(() => loader(context));
  if (!cached) {
    run.converter = converterOf(context, (name) => load()(name));
    run.interceptors = interceptorsOf(context, (name) => load()(name));
  }
  const { events, heads } = sorted;
  const rest = { blocks: cached ? [] : sorted.blocks.filter((block) => block.eventId <= task.baseEventId), events, heads };
  const compare = { strict: context.settings.strict, buildId: context.settings.buildId };
  context.sessions.set(
    runId,
    createSession(run, task, rest, compare, (target) => instantiate(context, target, load())),
  );
  return go(context, runId);
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function instantiate(context: Context, run: Run, load: Load): UserModule {
  const type = run.started.workflowType;
  const name = context.types.get(type) ?? context.types.get(DYNAMIC);
  if (name === undefined) {
    const known = [...context.types.keys()].sort().join(', ');
    throw new UnknownWorkflowType(`no workflow "${type}" on this worker (known: ${known === '' ? 'none' : known})`);
  }
  return load(name);
}

function converterOf({ settings }: Context, load: Load): PayloadConverter {
  const name = settings.converterModule;
  if (name === '') return defaultPayloadConverter;
  const { payloadConverter } = load(name) as { payloadConverter?: PayloadConverter };
  if (typeof payloadConverter?.toPayload !== 'function' || typeof payloadConverter.fromPayload !== 'function')
    throw new TypeError(`${name}: exports no payloadConverter with toPayload and fromPayload`);
  return payloadConverter;
}

/** Undefined without any: nothing is done for them then. */
function interceptorsOf({ settings }: Context, load: Load): readonly WorkflowInterceptors[] | undefined {
  if (settings.interceptorModules.length === 0) return undefined;
  return settings.interceptorModules.map((name) => {
    const { interceptors } = load(name) as { interceptors?: () => WorkflowInterceptors };
    if (typeof interceptors !== 'function') throw new TypeError(`${name}: exports no function "interceptors"`);
    return interceptors();
  });
}

/** Goes on with the session until reactions are due or it is done. */
function go(context: Context, runId: string): Answer {
  const session = context.sessions.get(runId);
  // Dropped between two blocks of its replay.
  if (session === undefined) return [STATUS.needHistory, ''];
  setActive(session.run);
  const progress = advance(session);
  if (progress === 'drain') return [STATUS.drain, ''];
  if (progress === 'block') return [STATUS.block, ''];
  context.sessions.delete(runId);
  const { run, task } = session;
  const results = task.queries.map((query) => answerQuery(run, query));
  context.runs.set(runId, run);
  if (task.queryOnly) {
    return [STATUS.queries, QueryTaskCompletion.encode({ token: EMPTY, queryResults: results, cause: 0, failure: undefined }).finish()];
  }
  return [run.closed ? STATUS.closed : STATUS.done, complete(run, results)];
}

const EMPTY = new Uint8Array(0);
const NO_TASK: ActivationTask = {
  workflowType: '',
  baseEventId: 0n,
  seenEventId: 0n,
  startedMs: 0,
  historyFrom: 0n,
  historyBytes: 0,
  continueAsNewSuggested: false,
  queryOnly: false,
  queries: [],
  updates: [],
  attempt: 1,
};
/** Plain properties: the namespace object has getters, which hide its values from hardening. */
const SHARED_API = { ...api };

function complete(run: Run, queryResults: WorkflowTaskCompletion['queryResults']): Uint8Array {
  const commands = run.commands.map(({ attributes, site }) => {
    if (site !== undefined && 'callSite' in attributes.value) attributes.value.callSite = formatSite(site);
    return { attributes };
  });
  run.commands = [];
  const completion: WorkflowTaskCompletion = {
    token: EMPTY,
    commands,
    queryResults,
    variables: takeVariables(run),
    newFlags: [],
    forceNewTask: false,
    sticky: !run.closed,
    waitingForHandlers: run.outcome !== undefined && !run.closed,
    rejectedUpdates: run.rejectedUpdates,
  };
  run.rejectedUpdates = [];
  const bytes = WorkflowTaskCompletion.encode(completion).finish();
  if (bytes.length > MAX_COMPLETION_BYTES) {
    // Answers of queries have limits of their own: who asks for much must not block the run.
    const own = WorkflowTaskCompletion.encode({ ...completion, queryResults: [] }).finish().length;
    if (own > MAX_COMPLETION_BYTES) throw tooLarge(completion, own);
  }
  return bytes;
}

function tooLarge(completion: WorkflowTaskCompletion, size: number): TooLarge {
  const sizes = completion.commands.map((command, at) => {
    const bytes = WorkflowTaskCompletion.encode({ ...completion, commands: [command], queryResults: [], variables: {} }).finish().length;
    return { what: `${at + 1}: ${command.attributes?.$case}`, bytes };
  });
  const largest = sizes.sort((left, right) => right.bytes - left.bytes).slice(0, 3);
  const list = largest.map(({ what, bytes }) => `${what} (${bytes} bytes)`).join(', ');
  return new TooLarge(
    `the ${completion.commands.length} commands of this task take ${size} bytes, the limit is ${MAX_COMPLETION_BYTES}; the largest: ${list}`,
  );
}

function encodeFailure(context: Context, runId: string, error: unknown): Uint8Array {
  context.sessions.delete(runId);
  context.runs.delete(runId);
  const failure = errorToFailure(error, defaultPayloadConverter);
  const absent = error instanceof ReferenceError ? /^(\w+) is not defined$/.exec(failure.message)?.[1] : undefined;
  if (absent !== undefined && Object.hasOwn(ABSENT, absent))
    failure.message = `${absent} is not available in workflow code: ${ABSENT[absent]}`;
  return WorkflowTaskFailure.encode({ token: EMPTY, cause: causeOf(error), failure }).finish();
}

function causeOf(error: unknown): WorkflowTaskFailureCause {
  if (isNondeterminism(error)) return WorkflowTaskFailureCause.NONDETERMINISM;
  if (error instanceof UnknownWorkflowType) return WorkflowTaskFailureCause.UNKNOWN_WORKFLOW_TYPE;
  if (error instanceof TooLarge) return WorkflowTaskFailureCause.TOO_LARGE;
  return WorkflowTaskFailureCause.WORKFLOW_ERROR;
}

function keepLog(context: Context, line: LogLine): void {
  if (context.logs.length >= MAX_LOG_LINES) {
    context.dropped += 1;
    return;
  }
  try {
    context.logs.push(JSON.stringify(line));
  } catch {
    context.logs.push(JSON.stringify({ ...line, fields: {} }));
  }
}
