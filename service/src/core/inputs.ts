/** What comes into a step from outside, validated by the frontend. */
import type { Header, Payload, RetryPolicy, SearchAttributeValue, WorkflowExecution } from '@perdure/proto/perdure/api/v1/common';
import type { ConflictPolicy, ParentWorkflow, ReusePolicy } from '@perdure/proto/perdure/api/v1/workflow';

/** A validated start; durations in ms, 0 where not limited. */
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
}

export interface SignalInput {
  readonly signalName: string;
  readonly input: Payload[];
  readonly header: Header | undefined;
  readonly requestId: string;
  readonly identity: string;
}
