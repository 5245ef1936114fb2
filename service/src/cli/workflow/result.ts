/** `perdure workflow result`. */
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { WorkflowStatus } from '@perdure/proto/perdure/api/v1/workflow';
import type { WorkflowResult } from '@perdure/proto/perdure/api/v1/workflow_service';
import { parseDuration } from '../input.ts';
import { CommandError, EXIT } from '../outcome.ts';
import { type Json, payloadToPlain, statusText, toPlain } from '../output/plain.ts';
import type { CommonFlags } from './commands.ts';
import { failureLines } from './failure.ts';
import { type Session, toJsonText, withSession } from './session.ts';

const WAIT_MS = 60_000;

export interface ResultFlags extends CommonFlags {
  readonly runId?: string;
  readonly timeout?: string;
  readonly thisRun?: boolean;
}

export function result(workflowId: string, flags: ResultFlags): Promise<number> {
  const timeoutMs = flags.timeout === undefined ? undefined : parseDuration('--timeout', flags.timeout);
  return withSession(flags, (session) => awaitAndPrint(session, { workflowId, runId: flags.runId ?? '' }, timeoutMs, flags.thisRun));
}

/** Waits for the run to close and prints how; the exit code says whether it completed. */
export async function awaitAndPrint(
  session: Session,
  execution: { workflowId: string; runId: string },
  timeoutMs: number | undefined,
  thisRunOnly = false,
): Promise<number> {
  const closed = await awaitClose(session, execution, timeoutMs, thisRunOnly);
  const { result: value, failure, reason } = outcomeOf(closed.event);
  const completed = closed.status === WorkflowStatus.COMPLETED;
  if (session.output !== 'table')
    session.printJson({
      workflowId: execution.workflowId,
      runId: closed.runId,
      status: statusText(closed.status),
      result: value,
      failure: toPlain(failure),
      reason,
    });
  else if (completed) session.print(`${toJsonText(value, 'json')}\n`);
  else
    process.stderr.write(
      `${[`workflow ${statusText(closed.status)}${reason === '' ? '' : `: ${reason}`}`, ...(failure === undefined ? [] : failureLines(failure))].join('\n')}\n`,
    );
  return completed ? EXIT.ok : EXIT.failed;
}

async function awaitClose(
  session: Session,
  execution: { workflowId: string; runId: string },
  timeoutMs: number | undefined,
  thisRunOnly: boolean,
): Promise<{ runId: string; status: WorkflowStatus; event: HistoryEvent }> {
  const start = performance.now();
  for (;;) {
    const left = timeoutMs === undefined ? WAIT_MS : timeoutMs - (performance.now() - start);
    if (left <= 0) throw new CommandError(`the workflow is still running after ${timeoutMs} ms`);
    const wait = Math.ceil(Math.min(left, WAIT_MS));
    const { results } = await session.rpc.awaitWorkflowResults(
      {
        namespace: session.namespace,
        executions: [execution],
        thisRunOnly,
        waitTimeout: { seconds: BigInt(Math.floor(wait / 1_000)), nanos: (wait % 1_000) * 1e6 },
      },
      { deadlineMs: wait + 10_000 },
    );
    const answer: WorkflowResult | undefined = results[0];
    if (answer?.outcome?.$case === 'error') throw new CommandError(`${answer.outcome.value.message} (${answer.outcome.value.reason})`);
    if (answer?.outcome?.$case === 'closeEvent') return { runId: answer.runId, status: answer.status, event: answer.outcome.value };
  }
}

function outcomeOf(event: HistoryEvent): { result: Json; failure: Parameters<typeof failureLines>[0]; reason: string } {
  const none = { result: null, failure: undefined, reason: '' };
  const { attributes } = event;
  if (attributes?.$case === 'workflowCompleted')
    return { ...none, result: attributes.value.result === undefined ? null : payloadToPlain(attributes.value.result) };
  if (attributes?.$case === 'workflowFailed') return { ...none, failure: attributes.value.failure };
  if (attributes?.$case === 'workflowTerminated') return { ...none, reason: attributes.value.reason };
  if (attributes?.$case === 'workflowTimedOut')
    return { ...none, reason: `${String(toPlain(attributes.value.timeoutType, 'timeoutType'))} timeout` };
  if (attributes?.$case === 'workflowContinuedAsNew') return { ...none, reason: `run ${attributes.value.newRunId} follows` };
  return none;
}
