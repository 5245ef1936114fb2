// What a run may know about itself. Everything here is in the log, so that it is the same on replay.

import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import { protoToMs } from '../common/duration.ts';
import { failureToError } from '../common/failure.ts';
import { type Headers, headersOf } from '../common/interceptor.ts';
import { decodeValue } from '../common/payload-converter.ts';
import { fromSearchAttributeValue, type SearchAttribute } from '../common/search-attribute.ts';
import { nextFloat, nextUuid } from './random.ts';
import { currentRun, type Run } from './run.ts';

export interface WorkflowInfo {
  readonly workflowId: string;
  readonly runId: string;
  readonly firstRunId: string;
  readonly workflowType: string;
  readonly namespace: string;
  readonly taskQueue: string;
  /** The run this one continues: as new, by retry or by cron; undefined for the first of a chain. */
  readonly continuedFromRunId: string | undefined;
  /** 1, 2, … of the workflow's own retry policy. */
  readonly attempt: number;
  readonly startTime: Date;
  /** Events shown so far. */
  readonly historyLength: number;
  /** Bytes of the history at this task. */
  readonly historySize: number;
  /** The history is getting long. */
  readonly continueAsNewSuggested: boolean;
  /** Milliseconds; undefined is unlimited. */
  readonly runTimeout: number | undefined;
  /** Milliseconds; undefined is unlimited. */
  readonly executionTimeout: number | undefined;
  /** What came with the start: text by name. */
  readonly headers: Headers;
  /** The schedule by which the runs of the chain follow each other. */
  readonly cronSchedule: string | undefined;
  /** With a cron schedule: result of the last run that completed. */
  readonly lastResult: unknown;
  /** Why the run before failed or timed out, if it did: its message, type and the like; a long one is cut to 4 KiB. */
  readonly lastFailure: Error | undefined;
  /** The workflow whose code started this one; undefined unless this is a child. `runId`: the run that asked for it. */
  readonly parent: { readonly workflowId: string; readonly runId: string } | undefined;
  /** The workflow at the top of the tree; undefined unless this is a child. */
  readonly root: { readonly workflowId: string; readonly runId: string } | undefined;
  /** A value that cannot be read is the PayloadDecodeError that says why. */
  readonly memo: Readonly<Record<string, unknown>>;
  readonly searchAttributes: Readonly<Record<string, SearchAttribute>>;
}

/** Facts about the current run, as of now. Throws outside workflow code. */
export function workflowInfo(): WorkflowInfo {
  const run = currentRun('workflowInfo');
  const { started } = run;
  const { continuation } = started;
  const memo: Record<string, unknown> = {};
  for (const [key, payload] of run.memo) memo[key] = tryDecode(run, payload, `memo ${key}`);
  const searchAttributes: Record<string, SearchAttribute> = {};
  for (const [key, attribute] of Object.entries(run.searchAttributes)) {
    const value = fromSearchAttributeValue(attribute);
    if (value !== undefined) searchAttributes[key] = value;
  }
  return {
    workflowId: started.workflowId,
    runId: run.runId,
    firstRunId: started.firstRunId === '' ? started.runId : started.firstRunId,
    continuedFromRunId: continuation?.runId,
    workflowType: started.workflowType,
    namespace: run.namespace,
    taskQueue: started.taskQueue,
    attempt: Math.max(1, started.attempt),
    startTime: new Date(run.startTime),
    historyLength: Number(run.seenEventId),
    historySize: run.historyBytes,
    continueAsNewSuggested: run.continueAsNewSuggested,
    runTimeout: protoToMs(started.runTimeout) || undefined,
    executionTimeout: protoToMs(started.executionTimeout) || undefined,
    headers: headersOf(started.header),
    cronSchedule: started.cronSchedule || undefined,
    lastResult: continuation?.lastResult && tryDecode(run, continuation.lastResult, 'last result'),
    lastFailure: continuation?.lastFailure && failureToError(continuation.lastFailure, run.converter),
    parent: nameOf(started.parent),
    root: nameOf(started.root),
    memo,
    searchAttributes,
  };
}

/** A memo that cannot be read must not keep a run from all else it may know. */
function tryDecode(run: Run, payload: Payload, what: string): unknown {
  try {
    return decodeValue(run.converter, payload, what);
  } catch (error) {
    return error;
  }
}

function nameOf(other: { workflowId: string; runId: string } | undefined): WorkflowInfo['root'] {
  return other === undefined ? undefined : { workflowId: other.workflowId, runId: other.runId };
}

/** A UUID of version 4 from the run's seed: the same on replay. */
export function uuid4(): string {
  return nextUuid(currentRun('uuid4').random);
}

/** A number in [0, 1) from the run's seed, like Math.random() in workflow code. */
export function random(): number {
  return nextFloat(currentRun('random').random);
}
