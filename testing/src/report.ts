// Says what open runs wait for, when nothing can move them any more.
import { setTimeout as delay } from 'node:timers/promises';
import { DescribeWorkflowRequest, QueryWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { decodeValue, defaultPayloadConverter } from '@perdure/sdk/testing';
import type { Engine, Progress } from '@perdure/service/engine';

const SHOWN_RUNS = 10;
const SHOWN_LINES = 12;
/** Real ms for a run to say what it awaits: its worker may be gone. */
const ASK_MS = 1_000;

type RunKey = Progress['open'][number];

/** One text for those who wait in vain. */
export async function reportOf(engine: Pick<Engine, 'rpcs'>, progress: Progress): Promise<string> {
  const { open, blocked, waitingQueues } = progress;
  if (blocked.length > 0) return `the code of a workflow fails again and again:\n${await each(blocked, (key) => failureOf(engine, key))}`;
  const head =
    waitingQueues.length > 0
      ? `no worker of this environment takes tasks of ${waitingQueues.map((queue) => `"${queue}"`).join(', ')}`
      : 'nothing can happen any more by itself: no timer, no activity, no task';
  return open.length === 0
    ? `${head}, and no run is open`
    : `${head}. Open runs:\n${await each(open, (key) => waitsOf(engine, key, progress))}`;
}

async function each(keys: readonly RunKey[], say: (key: RunKey) => Promise<string>): Promise<string> {
  const texts = await Promise.all(keys.slice(0, SHOWN_RUNS).map(say));
  const more = keys.length > SHOWN_RUNS ? [`… and ${keys.length - SHOWN_RUNS} more`] : [];
  return [...texts, ...more].join('\n');
}

const call = { abort: new AbortController().signal };
const named = ({ workflowId, runId }: RunKey, type: string): string => `- ${type} "${workflowId}" (run ${runId})`;
const indented = (text: string): string =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, SHOWN_LINES)
    .map((line) => `    ${line.trim()}`)
    .join('\n');

async function failureOf({ rpcs }: Pick<Engine, 'rpcs'>, key: RunKey): Promise<string> {
  const execution = { workflowId: key.workflowId, runId: key.runId };
  const { summary, blocked } = await rpcs.describeWorkflow(DescribeWorkflowRequest.create({ execution }), call);
  const { message = 'no reason given', stackTrace = '' } = blocked?.failure ?? {};
  return `${named(key, summary?.workflowType ?? '')}\n${indented(`${message}\n${stackTrace}`)}`;
}

/** The run's own word for what it awaits; what the service knows when the run cannot be asked. */
async function waitsOf({ rpcs }: Pick<Engine, 'rpcs'>, key: RunKey, { waitingQueues }: Progress): Promise<string> {
  const execution = { workflowId: key.workflowId, runId: key.runId };
  const { summary } = await rpcs.describeWorkflow(DescribeWorkflowRequest.create({ execution }), call);
  const head = named(key, summary?.workflowType ?? '');
  if (waitingQueues.length > 0) return head;
  const trace = await Promise.race([traceOf(rpcs, execution), delay(ASK_MS, '')]);
  return trace === '' ? head : `${head} waits for\n${indented(trace)}`;
}

/** Empty when the run cannot be asked. */
async function traceOf(rpcs: Engine['rpcs'], execution: { workflowId: string; runId: string }): Promise<string> {
  try {
    const { outcome } = await rpcs.queryWorkflow(QueryWorkflowRequest.create({ execution, queryType: '__stack_trace' }), call);
    return outcome?.$case === 'result' ? String(decodeValue(defaultPayloadConverter, outcome.value, 'stack trace')) : '';
  } catch {
    return '';
  }
}
