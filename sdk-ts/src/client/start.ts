/** Options of a start, and the request they make. */

import { ConflictPolicy, ReusePolicy } from '@perdure/proto/perdure/api/v1/workflow';
import type { StartWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { encodeMessage, hasCodecs } from '../common/data-converter.ts';
import { type Duration, durationToProto } from '../common/duration.ts';
import { toHeader } from '../common/interceptor.ts';
import { encodeValue, encodeValues } from '../common/payload-converter.ts';
import { type RetryPolicy, retryPolicyToProto } from '../common/retry-policy.ts';
import { type SearchAttribute, toSearchAttributeValue } from '../common/search-attribute.ts';
import { checkText, checkWellFormed } from '../common/text.ts';
import type { Workflow } from '../common/types.ts';
import type { StartInput } from './interceptor.ts';
import type { Wire } from './wire.ts';

/** Options of a start apart from its arguments. */
export interface StartSettings {
  /** The business key, 1 to 1 000 bytes: at most one run of it is open at a time. */
  workflowId: string;
  /** The queue whose workers run the workflow. */
  taskQueue: string;
  /** Limit of the run, start delay included. Default none. */
  runTimeout?: Duration;
  /** Limit of the run and all that continue it. Default none. */
  executionTimeout?: Duration;
  /** Limit of one workflow task. Default 10 s, at most 120 s. */
  taskTimeout?: Duration;
  /** The code starts this much later. Default 0. */
  startDelay?: Duration;
  /** Attempts of the whole workflow: a run that failed or timed out (run timeout) is followed by a new one. Default none. */
  retry?: RetryPolicy;
  /**
   * Runs one after the other at these times, in UTC: "minute hour day-of-month month day-of-week", "@hourly", "@daily", "@weekly",
   * "@monthly", "@yearly" or "@every 90m". The first run waits for its time too. Cancel or terminate ends it.
   */
  cronSchedule?: string;
  /** If the workflow id has an open run: 'fail' (default) with WorkflowAlreadyStartedError, 'useExisting', or 'terminateExisting'. */
  conflictPolicy?: 'fail' | 'useExisting' | 'terminateExisting';
  /** If the workflow id has closed runs only: 'allow' (default), 'allowFailedOnly', or 'reject' with WorkflowAlreadyStartedError. */
  reusePolicy?: 'allow' | 'allowFailedOnly' | 'reject';
  /** Values shown by describe and list. 2 MiB in all. */
  memo?: Readonly<Record<string, unknown>>;
  /** Values by which the run can be listed. */
  searchAttributes?: Readonly<Record<string, SearchAttribute>>;
  /** A UUIDv7. The same request id starts the same run once, however often it is sent. Default: a fresh one per call. */
  requestId?: string;
}

/** Options of a start; `args` are needed if the workflow has parameters. */
export type StartOptions<F extends Workflow = Workflow> = StartSettings &
  ([] extends Parameters<F> ? { args?: Parameters<F> } : { args: Parameters<F> });

const CONFLICT = {
  fail: ConflictPolicy.FAIL,
  useExisting: ConflictPolicy.USE_EXISTING,
  terminateExisting: ConflictPolicy.TERMINATE_EXISTING,
} as const;
const REUSE = { allow: ReusePolicy.ALLOW, allowFailedOnly: ReusePolicy.ALLOW_FAILED_ONLY, reject: ReusePolicy.REJECT } as const;

/** The name of a workflow. Throws TypeError when a function has none. */
export function workflowTypeOf(workflow: Workflow | string): string {
  const type = typeof workflow === 'function' ? workflow.name : workflow;
  if (type === '') throw new TypeError('workflow: the function has no name; give the name under which its file exports it');
  return type;
}

/** The request of a start. Throws TypeError for wrong options, PayloadEncodeError for arguments that have no JSON form. */
export async function startRequest(wire: Wire, { workflowType: type, options, headers }: StartInput): Promise<StartWorkflowRequest> {
  if (typeof options !== 'object' || options === null) throw new TypeError('options: workflowId and taskQueue are required');
  checkText('workflow', type);
  checkText('workflowId', options.workflowId);
  checkText('taskQueue', options.taskQueue);
  if (options.args !== undefined && !Array.isArray(options.args)) throw new TypeError('args: must be a list of arguments');
  const request: StartWorkflowRequest = {
    namespace: '',
    workflowId: options.workflowId,
    workflowType: type,
    taskQueue: options.taskQueue,
    input: encodeValues(wire.converter, options.args ?? [], `workflow ${type}`),
    header: toHeader(headers),
    requestId: options.requestId ?? wire.clock.newId(),
    identity: wire.identity,
    conflictPolicy: policy('conflictPolicy', CONFLICT, options.conflictPolicy ?? 'fail'),
    reusePolicy: policy('reusePolicy', REUSE, options.reusePolicy ?? 'allow'),
    runTimeout: durationToProto(options.runTimeout, 'runTimeout'),
    executionTimeout: durationToProto(options.executionTimeout, 'executionTimeout'),
    taskTimeout: durationToProto(options.taskTimeout, 'taskTimeout'),
    startDelay: durationToProto(options.startDelay, 'startDelay'),
    retryPolicy: retryPolicyToProto(options.retry),
    cronSchedule: options.cronSchedule ?? '',
    memo: recordOf('memo', options.memo, (value, what) => encodeValue(wire.converter, value, what)),
    searchAttributes: recordOf('searchAttributes', options.searchAttributes, toSearchAttributeValue),
  };
  if (hasCodecs(wire.dataConverter)) await encodeMessage(wire.dataConverter, [request.input, request.memo]);
  return request;
}

/** Checks the names and converts the values; most starts have none. */
function recordOf<V, W>(
  name: string,
  values: Readonly<Record<string, V>> | undefined,
  convert: (value: V, what: string) => W,
): Record<string, W> {
  if (!values) return {};
  const entries = Object.entries(values).map(([key, value]) => {
    checkWellFormed(name, key);
    return [key, convert(value, `${name}.${key}`)] as const;
  });
  return Object.fromEntries(entries);
}

function policy<T extends Record<string, number>>(name: string, table: T, value: string): T[keyof T] {
  const code = table[value];
  if (code === undefined) throw new TypeError(`${name}: "${value}" is not one of ${Object.keys(table).join(', ')}`);
  return code as T[keyof T];
}
