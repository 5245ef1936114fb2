// What interceptors of workflow code may surround. They run in the sandbox: what holds for workflow code holds for them.

import type { Duration } from '../common/duration.ts';
import type { Around, Headers } from '../common/interceptor.ts';
import type { ActivityOptions } from './activity.ts';
import type { ChildWorkflowSettings } from './children.ts';
import type { ContinueAsNewOptions } from './continue-as-new.ts';
import type { LogLine } from './run.ts';

export interface ExecuteInput {
  readonly args: readonly unknown[];
  /** What came with the start. */
  readonly headers: Headers;
}

export interface SignalInput {
  readonly signalName: string;
  readonly args: readonly unknown[];
  readonly headers: Headers;
}

export interface QueryInput {
  readonly queryName: string;
  readonly args: readonly unknown[];
  readonly headers: Headers;
}

export interface UpdateInput {
  readonly updateName: string;
  readonly updateId: string;
  readonly args: readonly unknown[];
  readonly headers: Headers;
}

export interface ActivityInput {
  readonly activityType: string;
  readonly args: readonly unknown[];
  readonly options: ActivityOptions;
  readonly headers: Headers;
}

export interface SleepInput {
  readonly duration: Duration;
}

export interface StartChildInput {
  readonly workflowType: string;
  readonly options: ChildWorkflowSettings & { readonly args?: readonly unknown[] };
  readonly headers: Headers;
}

/** A child on its way: hand on what `next` answered. */
export interface StartedChild {
  /** Resolves when the child runs. */
  readonly started: Promise<unknown>;
  /** Resolves with its result. */
  readonly result: Promise<unknown>;
}

export interface SignalExternalInput {
  readonly signalName: string;
  readonly args: readonly unknown[];
  readonly headers: Headers;
}

export interface ContinueAsNewInput {
  readonly options: ContinueAsNewOptions;
  readonly args: readonly unknown[];
  /** None: the new run gets those of this one's start. */
  readonly headers: Headers;
}

/** Around what comes into a run. */
export interface WorkflowInbound {
  /** The workflow function. */
  execute?: Around<ExecuteInput, Promise<unknown>>;
  /** A handler of a signal. */
  handleSignal?: Around<SignalInput, unknown>;
  /** A handler of an update, once it is accepted. */
  handleUpdate?: Around<UpdateInput, unknown>;
  /** A handler of a query: synchronous and read-only like it. */
  handleQuery?: Around<QueryInput, unknown>;
}

/** Around what a run asks for. */
export interface WorkflowOutbound {
  scheduleActivity?: Around<ActivityInput, Promise<unknown>>;
  /** `startChild` and `executeChild`. */
  startChild?: Around<StartChildInput, StartedChild>;
  /** A signal to a child or to another workflow. */
  signalExternal?: Around<SignalExternalInput, Promise<void>>;
  /** Answers what ends the function: hand on what `next` answered. */
  continueAsNew?: Around<ContinueAsNewInput, Error>;
  /** `sleep`; not the timers inside other functions. */
  sleep?: Around<SleepInput, Promise<void>>;
  /** A line of the workflow's log that is not suppressed by replay, for example to add fields. */
  log?: Around<LogLine, void>;
}

/** What a module named in the worker's `workflowInterceptors` makes for each run. */
export interface WorkflowInterceptors {
  readonly inbound?: WorkflowInbound;
  readonly outbound?: WorkflowOutbound;
}
