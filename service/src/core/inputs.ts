/** What comes into a step from outside, validated by the frontend. */
import type { Header, Payload, RetryPolicy, SearchAttributeValue, WorkflowExecution } from '@perdure/proto/perdure/api/v1/common';
import type { UpdateRequest } from '@perdure/proto/perdure/api/v1/update';
import type { ConflictPolicy, ParentWorkflow, ReusePolicy } from '@perdure/proto/perdure/api/v1/workflow';

/** A validated start, alone or with what comes with it; durations in ms, 0 where not limited. */
export interface StartInput {
  readonly namespaceId: string;
  readonly workflowId: string;
  readonly workflowType: string;
  readonly taskQueue: string;
  readonly input: Payload[];
  readonly header: Header | undefined;
  readonly requestId: string;
  readonly identity: string;
  readonly conflictPolicy: ConflictPolicy;
  readonly reusePolicy: ReusePolicy;
  readonly runTimeoutMs: number;
  readonly executionTimeoutMs: number;
  readonly taskTimeoutMs: number;
  readonly startDelayMs: number;
  readonly retryPolicy: RetryPolicy | undefined;
  /** Valid, or '' for none. */
  readonly cronSchedule: string;
  readonly memo: Record<string, Payload>;
  readonly searchAttributes: Record<string, SearchAttributeValue>;
  /** Of a child: where it reports to, and the workflow at the top of the tree. */
  readonly parent?: ParentWorkflow | undefined;
  readonly root?: WorkflowExecution | undefined;
  /** Of the namespace, for the purge after the close. */
  readonly retentionMs: number;
  /** Taken in the same step as the start. */
  readonly signal?: SignalInput;
  readonly update?: UpdateInput;
}

export interface SignalInput {
  readonly signalName: string;
  readonly input: Payload[];
  readonly header: Header | undefined;
  readonly requestId: string;
  readonly identity: string;
}

/** An update with its id. */
export interface UpdateInput {
  readonly request: UpdateRequest;
  /** What its data and text weigh. */
  readonly bytes: number;
}

export interface TerminateInput {
  readonly reason: string;
  readonly details: Payload[];
  readonly identity: string;
  /** None when the service ends the run by itself. */
  readonly requestId?: string;
  /** By a reset: the run that goes on in its place, and the last event it has copied. */
  readonly fork?: { readonly runId: string; readonly kept: number };
}
