// One run in memory: plain data that the concepts share, and which run is being executed right now.

import type { Command } from '@perdure/proto/perdure/api/v1/command';
import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import type { WorkflowSignaled } from '@perdure/proto/perdure/api/v1/signal';
import type { UpdateRejection, UpdateRequest } from '@perdure/proto/perdure/api/v1/update';
import type { WorkflowStarted } from '@perdure/proto/perdure/api/v1/workflow';
import type { PayloadConverter } from '../common/payload-converter.ts';
import type { ChildStep } from './child.ts';
import type { WorkflowInterceptors } from './interceptor.ts';
import type { RandomState } from './random.ts';
import type { Block } from './replay.ts';

/** The name under which a file exports the workflow for all types that have none of their own. */
export const DYNAMIC = 'default';

/** What an event says, with its case. */
export type EventAttributes = NonNullable<HistoryEvent['attributes']>;
/** What a command asks for, with its case. */
export type CommandAttributes = NonNullable<Command['attributes']>;

/** A place in user code. `stack` is formatted when it is first read: "    at function (script:line:column)" per frame. */
export interface Site {
  readonly stack: string;
}

/** A command of the current activation. */
export interface Produced {
  readonly attributes: CommandAttributes;
  readonly site: Site | undefined;
}

/** A step whose promise is open. */
export interface Step {
  readonly number: number;
  /** For stack traces: what is awaited. */
  readonly label: string;
  readonly site: Site | undefined;
  resolve(value: unknown): void;
  reject(error: unknown): void;
  /** Takes the step out of its scope's list of things to cancel. */
  leaveScope(): void;
}

/** A waiting condition. */
export interface Condition {
  readonly predicate: () => boolean;
  readonly site: Site | undefined;
  /** Its time-out has fired: the predicate is asked once more, then the answer is false. */
  timedOut: boolean;
  done: boolean;
  resolve(value: boolean): void;
  reject(error: unknown): void;
}

/** Part of the tree of cancellation. */
export interface ScopeNode {
  readonly run: Run;
  readonly cancellable: boolean;
  readonly parent: ScopeNode | undefined;
  cancelled: unknown;
  /** The object that user code knows it by, once it does. */
  face: object | undefined;
  readonly onCancel: Set<(cause: unknown) => void>;
}

export type SignalHandler = (...args: never[]) => unknown;
export type DefaultSignalHandler = (name: string, ...args: unknown[]) => unknown;
export type QueryHandler = (...args: never[]) => unknown;
export type DefaultQueryHandler = (name: string, ...args: unknown[]) => unknown;

/** A handler of updates with its validator. */
export interface UpdateHandler {
  readonly handler: (...args: never[]) => unknown;
  readonly validator: ((...args: never[]) => void) | undefined;
}

/** Handles updates without a handler of their own. */
export interface DefaultUpdateHandler {
  readonly handler: (name: string, ...args: unknown[]) => unknown;
  readonly validator: ((name: string, ...args: unknown[]) => void) | undefined;
}

/** An update that is to be handed over. */
export interface ArrivedUpdate {
  readonly request: UpdateRequest;
  /** False on replay, and when its validator has been asked: it is taken. */
  readonly validate: boolean;
}

/** How main ended, once it has. */
export type Outcome = { kind: 'completed'; value: unknown } | { kind: 'failed'; error: unknown };

/** The instantiated user module of a run. */
export interface UserModule {
  readonly [name: string]: unknown;
}

/** Everything about one run. Created by its first activation, dropped with the cache entry. */
export interface Run {
  /** Own id; in a fork that of the base run until the code sees where the fork begins. */
  runId: string;
  readonly namespace: string;
  readonly started: WorkflowStarted;
  readonly startTime: number;
  converter: PayloadConverter;
  /** The first is the outermost; undefined without any. */
  interceptors: readonly WorkflowInterceptors[] | undefined;
  /** Error classes that fail the run instead of the task. */
  readonly failureTypes: ReadonlySet<string>;
  /** Milliseconds since 1970, constant within an activation. */
  now: number;
  seenEventId: bigint;
  historyBytes: number;
  continueAsNewSuggested: boolean;
  replaying: boolean;
  /** SDK behaviours this run has switched on. */
  readonly flags: Set<number>;
  /** The run's random stream. */
  readonly stream: RandomState;
  /** Where draws come from now: the stream, or a copy of it that is thrown away. */
  random: RandomState;
  /** Commands of the current activation, in order. */
  commands: Produced[];
  /** Set while a read-only call (query, predicate) runs, and between activations: what is in progress, for messages. */
  readOnly: string | undefined;
  /** Counters, one per kind of step, never reset. */
  lastActivity: number;
  lastTimer: number;
  lastChild: number;
  lastExternal: number;
  readonly activities: Map<number, Step>;
  readonly timers: Map<number, Step>;
  readonly children: Map<number, ChildStep>;
  readonly externals: Map<number, Step>;
  lastSideEffect: number;
  /** Ids of patches that this run has taken. */
  readonly patches: Set<string>;
  /** The block that is replayed; undefined in the live activation. */
  block: Block | undefined;
  /** Ids of the patches that the block holds. */
  blockPatches: ReadonlySet<string>;
  /** The code cannot go on, because the log holds another step than it asks for. */
  mismatch: boolean;
  /** In the order they were awaited. */
  conditions: Condition[];
  readonly root: ScopeNode;
  readonly signalHandlers: Map<string, SignalHandler>;
  defaultSignalHandler: DefaultSignalHandler | undefined;
  /** Signals without a handler yet, in order. */
  readonly waitingSignals: { readonly eventId: bigint; readonly signal: WorkflowSignaled }[];
  readonly queryHandlers: Map<string, QueryHandler>;
  defaultQueryHandler: DefaultQueryHandler | undefined;
  readonly updateHandlers: Map<string, UpdateHandler>;
  defaultUpdateHandler: DefaultUpdateHandler | undefined;
  /** Updates of this activation without a handler yet, in order. */
  readonly waitingUpdates: ArrivedUpdate[];
  /** Updates that the current task has rejected. */
  rejectedUpdates: UpdateRejection[];
  /** Handlers that have not returned yet. */
  readonly runningHandlers: Set<{ readonly name: string }>;
  awaitHandlers: boolean;
  /** Values of setVar; those of live activations leave with the next completion. */
  readonly variables: Map<string, Payload>;
  changedVariables: Set<string>;
  readonly memo: Map<string, Payload>;
  readonly searchAttributes: WorkflowStarted['searchAttributes'];
  module: UserModule | undefined;
  outcome: Outcome | undefined;
  closed: boolean;
}

/** One line of a workflow's log, on its way out. */
export interface LogLine {
  /** 'metric': a value of the workflow's metrics; `message` is its name. */
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'metric';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What the sandbox gives the library. Absent outside. */
export interface Host {
  /** Runs `fn` (and what it awaits) with this scope as the current one. */
  runInScope<T>(scope: ScopeNode, fn: () => T): T;
  currentScope(): ScopeNode | undefined;
  log(line: LogLine): void;
  captureSite(above: (...args: never[]) => unknown): Site;
  /** "script:line:column" of the first frame. */
  placeOf(site: Site): string;
}

let host: Host | undefined;
let active: Run | undefined;

/** Called once by the sandbox. */
export function setHost(bindings: Host): void {
  host = bindings;
}

export function getHost(): Host {
  if (host === undefined) throw outside('this');
  return host;
}

/** Makes a run the current one; the sandbox does so at every entry. */
export function setActive(run: Run | undefined): void {
  active = run;
}

export function activeRun(): Run | undefined {
  return active;
}

/** The current run. Throws a plain error outside workflow code; `api` names the function that was called. */
export function currentRun(api: string): Run {
  if (active === undefined) throw outside(api);
  return active;
}

function outside(api: string): Error {
  return new Error(`${api}: only workflow code that runs in a Perdure worker can call this`);
}

/** Thrown when a query handler, a validator or a predicate tries to change the run. */
export class ReadOnlyError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ReadOnlyError';
  }
}

function readOnly(api: string, where: string): ReadOnlyError {
  return new ReadOnlyError(`${api}: not allowed in ${where}, which must only read`);
}

/** The current run, unless a read-only call is in progress. Throws ReadOnlyError. */
export function writableRun(api: string): Run {
  const run = currentRun(api);
  if (run.readOnly !== undefined) throw readOnly(api, run.readOnly);
  return run;
}

/** The place above the given public function, or nothing outside the sandbox. */
export function captureSite(above: (...args: never[]) => unknown): Site | undefined {
  return host?.captureSite(above);
}

/** Puts a command on the list of this activation. */
export function produce(run: Run, attributes: CommandAttributes, site: Site | undefined): void {
  // By way of something that was made in a call that may write.
  if (run.readOnly !== undefined) throw readOnly(attributes.$case, run.readOnly);
  run.commands.push({ attributes, site });
}
