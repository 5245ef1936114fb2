/** Updates: sent until they are accepted, then awaited by their id. */
import type { Payload, WorkflowExecution } from '@perdure/proto/perdure/api/v1/common';
import { type UpdateRequest, UpdateStage } from '@perdure/proto/perdure/api/v1/update';
import type { StartWorkflowRequest, UpdateOutcome } from '@perdure/proto/perdure/api/v1/workflow_service';
import { decodeMessage, encodeMessage, hasCodecs } from '../common/data-converter.ts';
import { durationToProto } from '../common/duration.ts';
import { failureToError } from '../common/failure.ts';
import { decodeValue, encodeValues } from '../common/payload-converter.ts';
import { withRetry } from '../common/retry.ts';
import { checkText } from '../common/text.ts';
import type { Json } from '../common/types.ts';
import { orClientError, WorkflowUpdateFailedError, WorkflowUpdateRejectedError } from './errors.ts';
import { retryContext, type Wire } from './wire.ts';

const WAIT = durationToProto('60s', 'wait');
const WAIT_DEADLINE_MS = 70_000;

/** What defineUpdate returns. */
export interface UpdateLike<Result, Args extends readonly unknown[]> {
  readonly type?: 'update' | undefined;
  readonly name: string;
  readonly args?: Args | undefined;
  readonly result?: Result | undefined;
}

/** How an update is sent. */
export type UpdateOptions<Args extends readonly unknown[]> = {
  /** Names the update within its run, 1 to 1 000 bytes: sent again with the same id it attaches to the first. Default: a fresh one. */
  updateId?: string;
} & ([] extends Args ? { args?: Args } : { args: Args });

/** An update that the run has accepted, or may have. */
export interface UpdateHandle<Result = unknown> {
  readonly workflowId: string;
  readonly runId: string;
  readonly updateId: string;
  /**
   * Waits for the handler. Rejects with WorkflowUpdateFailedError when it threw, with WorkflowUpdateRejectedError when the update was
   * not accepted, with ServiceError UPDATE_NOT_FOUND when the run does not know it, and with WorkflowNotFoundError (reason
   * WORKFLOW_CLOSED) when the run closed before the handler had ended.
   */
  result(): Promise<Json<Result>>;
}

/** An update on its way: what names it, and its request. */
export interface OutgoingUpdate {
  readonly name: string;
  readonly request: UpdateRequest;
}

/** How far it has come. */
interface Progress {
  readonly runId: string;
  readonly stage: UpdateStage;
  readonly outcome: UpdateOutcome | undefined;
}

/** Throws TypeError for wrong options. */
export async function outgoingUpdate(
  wire: Wire,
  update: { readonly name: string } | string,
  options: { updateId?: string; args?: readonly unknown[] } = {},
): Promise<OutgoingUpdate> {
  const name = typeof update === 'string' ? update : update.name;
  checkText('update', name);
  const { updateId = wire.clock.newId(), args = [] } = options;
  checkText('updateId', updateId);
  if (!Array.isArray(args)) throw new TypeError('args: must be a list of arguments');
  const payloads: Payload[] = encodeValues(wire.converter, args, `update ${name}`);
  if (hasCodecs(wire.dataConverter)) await encodeMessage(wire.dataConverter, payloads);
  return { name, request: { updateId, updateName: name, args: payloads, header: undefined, identity: wire.identity } };
}

/** Sends until the update has come as far as wanted. Rejects when it is rejected. */
export async function sendUpdate(
  wire: Wire,
  execution: WorkflowExecution,
  { request }: OutgoingUpdate,
  waitStage: typeof UpdateStage.ACCEPTED | typeof UpdateStage.COMPLETED,
): Promise<Progress> {
  const { api, namespace, closed: abort } = wire;
  for (;;) {
    const call = withRetry(retryContext(wire), () =>
      api.updateWorkflow({ namespace, execution, request, waitStage, waitTimeout: WAIT }, { deadlineMs: WAIT_DEADLINE_MS, abort }),
    );
    const progress = await orClientError(execution.workflowId, call);
    if (progress.stage !== UpdateStage.ADMITTED) return progress;
  }
}

/** The same with a start; `started` tells whether this call started the run. */
export async function sendUpdateWithStart(
  wire: Wire,
  start: StartWorkflowRequest,
  { request }: OutgoingUpdate,
): Promise<Progress & { started: boolean }> {
  const { api, namespace, closed: abort } = wire;
  const waitStage = UpdateStage.ACCEPTED;
  for (;;) {
    const call = withRetry(retryContext(wire), () =>
      api.updateWithStartWorkflow({ namespace, start, request, waitStage, waitTimeout: WAIT }, { deadlineMs: WAIT_DEADLINE_MS, abort }),
    );
    const progress = await orClientError(start.workflowId, call);
    if (progress.stage !== UpdateStage.ADMITTED) return progress;
  }
}

/** Waits for the end of an update that was sent before. */
async function awaitUpdate(wire: Wire, execution: WorkflowExecution, updateId: string): Promise<Progress> {
  const { api, namespace, closed: abort } = wire;
  const waitStage = UpdateStage.COMPLETED;
  for (;;) {
    const call = withRetry(retryContext(wire), () =>
      api.awaitWorkflowUpdate({ namespace, execution, updateId, waitStage, waitTimeout: WAIT }, { deadlineMs: WAIT_DEADLINE_MS, abort }),
    );
    const progress = await orClientError(execution.workflowId, call);
    if (progress.stage === UpdateStage.COMPLETED) return progress;
  }
}

/** The handle of an update; `progress` is what is known of it already. */
export function createUpdateHandle<Result>(
  wire: Wire,
  execution: WorkflowExecution,
  updateId: string,
  progress?: Progress,
): UpdateHandle<Result> {
  const { workflowId } = execution;
  const runId = progress?.runId ?? execution.runId;
  const isDone = progress?.stage === UpdateStage.COMPLETED;
  let answer: Promise<unknown> | undefined = isDone ? resultOf(wire, { workflowId, runId, updateId }, progress.outcome) : undefined;
  answer?.catch(() => {});
  return {
    workflowId,
    runId,
    updateId,
    result() {
      answer ??= awaitUpdate(wire, { workflowId, runId }, updateId).then((end) =>
        resultOf(wire, { workflowId, runId: end.runId, updateId }, end.outcome),
      );
      const result = answer;
      // What could not be asked now may be asked again.
      if (!isDone) result.catch(() => (answer = undefined));
      return result as Promise<Json<Result>>;
    },
  };
}

/** What the handler returned. Rejects with what it, or the validator, threw. */
async function resultOf(
  wire: Wire,
  update: { workflowId: string; runId: string; updateId: string },
  given: UpdateOutcome | undefined,
): Promise<unknown> {
  const outcome = given?.outcome;
  if (outcome === undefined) throw new Error('the service answered a completed update without its outcome');
  if (hasCodecs(wire.dataConverter)) await decodeMessage(wire.dataConverter, outcome);
  if (outcome.$case === 'result') return decodeValue(wire.converter, outcome.value, `answer of update ${update.updateId}`);
  const cause = failureToError(outcome.value, wire.converter);
  throw outcome.$case === 'failure' ? new WorkflowUpdateFailedError(update, cause) : new WorkflowUpdateRejectedError(update, cause);
}

/** The answer of an update that was just sent: waits on if it is not there yet. */
export function answerOf<Result>(wire: Wire, workflowId: string, updateId: string, progress: Progress): Promise<Json<Result>> {
  return createUpdateHandle<Result>(wire, { workflowId, runId: progress.runId }, updateId, progress).result();
}
