// What workflow code calls to start and follow child workflows.

import { ParentClosePolicy, type ScheduleChildWorkflowCommand } from '@perdure/proto/perdure/api/v1/child';
import type { Payload, SearchAttributeValue } from '@perdure/proto/perdure/api/v1/common';
import { ReusePolicy } from '@perdure/proto/perdure/api/v1/workflow';
import { type Duration, durationToProto } from '../common/duration.ts';
import { intercepted, toHeader } from '../common/interceptor.ts';
import { encodeValue, encodeValues } from '../common/payload-converter.ts';
import { type RetryPolicy, retryPolicyToProto } from '../common/retry-policy.ts';
import { type SearchAttribute, toSearchAttributeValue } from '../common/search-attribute.ts';
import { checkText, checkWellFormed } from '../common/text.ts';
import type { ResultOf, Workflow } from '../common/types.ts';
import { scopeOf } from './cancellation.ts';
import { type ChildCancellationType, type OpenChild, openChild } from './child.ts';
import { sendSignal } from './external.ts';
import type { StartChildInput, StartedChild, WorkflowInterceptors } from './interceptor.ts';
import { type Run, writableRun } from './run.ts';
import type { SignalDefinition } from './signal.ts';

/** Options of a child apart from its arguments. */
export interface ChildWorkflowSettings {
  /** At most one run of it is open at a time. Default: the parent's run id, a slash and the number of the child. */
  workflowId?: string;
  /** Default: the parent's. */
  taskQueue?: string;
  /** Limit of one run. Default none. */
  runTimeout?: Duration;
  /** Limit of the child and all that continues it. Default none. */
  executionTimeout?: Duration;
  /** Limit of one workflow task. Default 10 s, at most 120 s. */
  taskTimeout?: Duration;
  /** A run that fails is followed by another. Default: it is not. */
  retry?: RetryPolicy;
  /** UTC, five fields or `@every 1h`: each run is followed by another. */
  cronSchedule?: string;
  /** If the workflow id has closed runs only: 'allow' (default), 'allowFailedOnly', or 'reject'. With an open run the start fails. */
  reusePolicy?: 'allow' | 'allowFailedOnly' | 'reject';
  /** What becomes of the child when the run that started it closes, also when another follows it: 'terminate' (default), 'requestCancel', or 'abandon'. */
  parentClosePolicy?: 'terminate' | 'requestCancel' | 'abandon';
  cancellationType?: ChildCancellationType;
  /** Values shown by describe and list. 2 MiB in all. */
  memo?: Readonly<Record<string, unknown>>;
  /** Values by which the run can be listed. */
  searchAttributes?: Readonly<Record<string, SearchAttribute>>;
}

/** Options of a child; `args` are needed if the workflow has parameters. */
export type ChildWorkflowOptions<F extends Workflow = Workflow> = ChildWorkflowSettings &
  ([] extends Parameters<F> ? { args?: Parameters<F> } : { args: Parameters<F> });

type OptionsArg<F extends Workflow> = [] extends Parameters<F> ? [options?: ChildWorkflowOptions<F>] : [options: ChildWorkflowOptions<F>];

/** A child that was started. */
export interface ChildWorkflowHandle<F extends Workflow = Workflow> {
  readonly workflowId: string;
  /** The first run of the child; retries, continuations and cron runs follow it. */
  readonly firstExecutionRunId: string;
  /** Waits for the end of the child and all that continues it. Rejects with ChildWorkflowFailure; its `cause` says why. */
  result(): Promise<ResultOf<F>>;
  /** Resolves when the child has the signal. Rejects with ServiceFailure when it has closed. */
  signal<Args extends unknown[] = unknown[]>(signal: SignalDefinition<Args> | string, ...args: Args): Promise<void>;
}

/** All payloads of one event, in bytes: a larger one would be refused by the service, with the whole task. */
const MAX_INPUT_BYTES = 2 * 1024 * 1024;
const CLOSE = {
  terminate: ParentClosePolicy.TERMINATE,
  requestCancel: ParentClosePolicy.REQUEST_CANCEL,
  abandon: ParentClosePolicy.ABANDON,
} as const;
const REUSE = { allow: ReusePolicy.ALLOW, allowFailedOnly: ReusePolicy.ALLOW_FAILED_ONLY, reject: ReusePolicy.REJECT } as const;
const CANCELLATION = { wait: 1, waitRequested: 1, try: 1, abandon: 1 } as const;

/**
 * Starts a child and waits until it runs; the handle follows it. Rejects with ChildWorkflowFailure when it cannot be started, for
 * example because the workflow id has an open run.
 */
export async function startChild<F extends Workflow>(workflow: F | string, ...[options]: OptionsArg<F>): Promise<ChildWorkflowHandle<F>> {
  const run = writableRun('startChild');
  const { step, started, result } = open(run, workflow, options ?? {}, startChild);
  await started;
  return {
    workflowId: step.workflowId,
    firstExecutionRunId: step.runId,
    result: () => result as Promise<ResultOf<F>>,
    signal: (signal, ...args) => sendSignal({ childNumber: step.number, label: step.label }, signal, args, startChild),
  };
}

/** Starts a child and waits for its end. Rejects with ChildWorkflowFailure; its `cause` says why. */
export async function executeChild<F extends Workflow>(workflow: F | string, ...[options]: OptionsArg<F>): Promise<ResultOf<F>> {
  const run = writableRun('executeChild');
  return (await open(run, workflow, options ?? {}, executeChild).result) as ResultOf<F>;
}

function open(
  run: Run,
  workflow: Workflow | string,
  options: ChildWorkflowSettings & { args?: readonly unknown[] },
  above: (...args: never[]) => unknown,
): OpenChild {
  const workflowType = typeOf(run, workflow);
  if (run.interceptors === undefined) return openAs(run, { workflowType, options, headers: {} }, above);
  const start = intercepted<WorkflowInterceptors, StartChildInput, StartedChild>(
    run.interceptors,
    ({ outbound }) => outbound?.startChild?.bind(outbound),
    (input) => openAs(run, input, above),
  );
  return start({ workflowType, options, headers: {} }) as OpenChild;
}

function openAs(run: Run, { workflowType, options, headers }: StartChildInput, above: (...args: never[]) => unknown): OpenChild {
  const scope = scopeOf(run);
  const command = commandOf(run, workflowType, options);
  command.header = toHeader(headers);
  const cancellation = options.cancellationType ?? 'wait';
  oneOf('cancellationType', CANCELLATION, cancellation);
  if (scope.cancelled !== undefined) throw scope.cancelled;
  run.lastChild += 1;
  command.number = run.lastChild;
  if (command.workflowId === '') command.workflowId = `${run.started.runId}/${command.number}`;
  return openChild(run, scope, command, cancellation, above);
}

/** The name under which the workflow's file exports it: a bundler may have given the function another one. */
function typeOf(run: Run, workflow: Workflow | string): string {
  if (typeof workflow !== 'function') {
    checkText('child workflow', workflow);
    return workflow;
  }
  for (const [name, value] of Object.entries(run.module ?? {})) if (value === workflow) return name;
  if (workflow.name === '') throw new TypeError('child workflow: the function has no name; give the name under which its file exports it');
  return workflow.name;
}

function commandOf(run: Run, type: string, options: ChildWorkflowSettings & { args?: readonly unknown[] }): ScheduleChildWorkflowCommand {
  if (options.workflowId !== undefined) checkText('workflowId', options.workflowId);
  if (options.taskQueue !== undefined) checkText('taskQueue', options.taskQueue);
  // Arguments are serialized now: what the code does to them later must not be seen.
  const input = encodeValues(run.converter, options.args ?? [], `child workflow ${type}`);
  const size = input.reduce((total, payload) => total + payload.data.length, 0);
  if (size > MAX_INPUT_BYTES)
    throw new RangeError(`child workflow ${type}: the arguments take ${size} bytes, the limit is ${MAX_INPUT_BYTES}`);
  return {
    number: 0,
    workflowId: options.workflowId ?? '',
    workflowType: type,
    taskQueue: options.taskQueue ?? '',
    input,
    header: undefined,
    runTimeout: durationToProto(options.runTimeout, 'runTimeout'),
    executionTimeout: durationToProto(options.executionTimeout, 'executionTimeout'),
    taskTimeout: durationToProto(options.taskTimeout, 'taskTimeout'),
    retryPolicy: retryPolicyToProto(options.retry),
    cronSchedule: options.cronSchedule ?? '',
    memo: memoOf(run, options.memo),
    searchAttributes: attributesOf(options.searchAttributes),
    reusePolicy: oneOf('reusePolicy', REUSE, options.reusePolicy ?? 'allow'),
    parentClosePolicy: oneOf('parentClosePolicy', CLOSE, options.parentClosePolicy ?? 'terminate'),
    callSite: '',
  };
}

function memoOf(run: Run, memo: ChildWorkflowSettings['memo']): Record<string, Payload> {
  const values: Record<string, Payload> = {};
  for (const [key, value] of Object.entries(memo ?? {})) {
    checkWellFormed('memo', key);
    values[key] = encodeValue(run.converter, value, `memo.${key}`);
  }
  return values;
}

function attributesOf(attributes: ChildWorkflowSettings['searchAttributes']): Record<string, SearchAttributeValue> {
  const values: Record<string, SearchAttributeValue> = {};
  for (const [key, value] of Object.entries(attributes ?? {})) {
    checkWellFormed('searchAttributes', key);
    values[key] = toSearchAttributeValue(value, `searchAttributes.${key}`);
  }
  return values;
}

function oneOf<T extends Record<string, number>>(field: string, table: T, name: string): T[keyof T] {
  const code = Object.hasOwn(table, name) ? table[name] : undefined;
  if (code === undefined) throw new TypeError(`${field}: "${String(name)}" is not one of ${Object.keys(table).join(', ')}`);
  return code as T[keyof T];
}
