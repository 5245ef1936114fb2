/**
 * Delivery of effects: what a run does outside of itself, after the commit that asked for it. Each goes through the interface
 * a client's request takes, at least once; the target takes it once. Those to one workflow id go one after another, in order.
 * A refusal is an answer; what cannot be told now is tried again for ever, so an effect ends only by its answer in the log.
 */
import { ParentClosePolicy } from '@perdure/proto/perdure/api/v1/child';
import { ConflictPolicy } from '@perdure/proto/perdure/api/v1/workflow';
import type { Effect, EffectAnswer } from '../core/effects.ts';
import { DEFAULT_TASK_TIMEOUT_MS } from '../core/limits.ts';
import { deriveRequestId, deriveRunId } from '../core/run-id.ts';
import type { Child, ExternalRequest } from '../core/state.ts';
import { fromDuration } from '../core/time.ts';
import { PerdureError, type Reason } from '../errors.ts';
import type { RunRef } from '../roles.ts';
import { act } from './act.ts';
import type { History } from './context.ts';
import { pause } from './lane.ts';
import { Dropped, type HotRun } from './run.ts';

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 10_000;
/** These say nothing about the target: it is asked again. */
const LATER: ReadonlySet<Reason> = new Set<Reason>(['OVERLOADED', 'UNAVAILABLE', 'DATABASE_UNAVAILABLE', 'INTERNAL']);
/** The request ids of a run's own effects stand for it. */
const IDENTITY = 'workflow';

/** Sends what is committed and not on its way yet. */
export function deliverEffects(h: History, run: HotRun): void {
  const { effects } = run.state;
  if (effects === undefined || run.dropped) return;
  run.delivering ??= new Set();
  run.deliveries ??= new Map();
  for (const effect of effects.values()) {
    if (effect.after > run.committedEventId || run.delivering.has(effect)) continue;
    run.delivering.add(effect);
    const line = run.deliveries.get(effect.target);
    if (line !== undefined) {
      line.push(effect);
      continue;
    }
    const fresh = [effect];
    run.deliveries.set(effect.target, fresh);
    void drain(h, run, fresh).catch((error: unknown) =>
      h.log('error', 'an effect could not be delivered', { runId: run.key.runId, error: String(error) }),
    );
  }
}

/** Delivers one target's effects in order. Ends early when the run leaves memory: whoever reads it again begins anew. */
async function drain(h: History, run: HotRun, line: Effect[]): Promise<void> {
  for (let effect = line[0]; effect !== undefined; effect = line[0]) {
    const answer = await deliver(h, run, effect);
    if (run.dropped || (answer !== undefined && !answered(h, run, effect, answer))) return;
    run.delivering?.delete(effect);
    line.shift();
    if (line.length === 0) run.deliveries?.delete(effect.target);
  }
}

/** Records the answer; false when the run has left memory meanwhile. */
function answered(h: History, run: HotRun, effect: Effect, answer: EffectAnswer): boolean {
  try {
    act(h, run, 'answerEffect', { effect, answer });
    return true;
  } catch (error) {
    if (error instanceof Dropped || run.dropped) return false;
    throw error;
  }
}

/** False when the answer to another effect, or the end of the child it concerns, has made it void. */
function isAskedFor({ state }: HotRun, effect: Effect): boolean {
  return state.effects?.get(effect.eventId) === effect;
}

/** Asks until there is an answer; undefined when the run has left memory, or does not ask for it any more. */
async function deliver(h: History, run: HotRun, effect: Effect): Promise<EffectAnswer | undefined> {
  for (let wait = FIRST_RETRY_MS; !run.dropped && isAskedFor(run, effect); wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
    try {
      return { ok: true, runId: await ask(h, run, effect) };
    } catch (error) {
      if (!(error instanceof PerdureError)) throw error;
      if (!LATER.has(error.reason)) return { ok: false, reason: error.reason, message: error.message };
    }
    await pause(h, wait * (0.75 + 0.5 * h.env.random()));
  }
  return undefined;
}

/** One try. Answers the first run id of a child that was started, else ''. */
async function ask(h: History, run: HotRun, effect: Effect): Promise<string> {
  const { state } = run;
  switch (effect.kind) {
    case 'startChild':
      return startChild(h, run, state.children?.get(effect.number) as Child);
    case 'cancelChild':
      await cancelChild(h, run, state.children?.get(effect.number) as Child);
      return '';
    case 'closeChild':
      await closeChild(h, run, state.children?.get(effect.number) as Child);
      return '';
    case 'signal':
    case 'cancel':
      await sendExternal(h, run, state.externals?.get(effect.number) as ExternalRequest);
      return '';
    case 'notifyParent':
      await notifyParent(h, run);
      return '';
  }
}

async function startChild(h: History, run: HotRun, child: Child): Promise<string> {
  const { state, key } = run;
  const { request } = child;
  if (request === undefined) return child.runId;
  const { workflowId, runId } = state.identity;
  const answer = await h.role().startWorkflow({
    namespaceId: key.namespaceId,
    workflowId: child.workflowId,
    workflowType: child.workflowType,
    taskQueue: request.taskQueue,
    input: request.input,
    header: request.header,
    requestId: deriveRequestId(child),
    identity: IDENTITY,
    conflictPolicy: ConflictPolicy.FAIL,
    reusePolicy: request.reusePolicy,
    runTimeoutMs: fromDuration(request.runTimeout),
    executionTimeoutMs: fromDuration(request.executionTimeout),
    taskTimeoutMs: fromDuration(request.taskTimeout) || DEFAULT_TASK_TIMEOUT_MS,
    startDelayMs: 0,
    retryPolicy: request.retryPolicy,
    cronSchedule: request.cronSchedule,
    memo: request.memo,
    searchAttributes: request.searchAttributes,
    parent: { workflowId, runId: child.originRunId, scheduledEventId: BigInt(child.scheduledEventId), number: request.number },
    root: state.root ?? { workflowId, runId },
    retentionMs: h.retention.get(key.namespaceId) ?? 0,
  });
  return answer.runId;
}

/** A step's child by its chain: whoever has its workflow id afterwards is left alone. The first run id is derived like that of any start. */
function chainOf(run: HotRun, workflowId: string, name: Parameters<typeof deriveRequestId>[0]): RunRef {
  const { namespaceId } = run.key;
  return { namespaceId, workflowId, runId: '', firstRunId: deriveRunId(namespaceId, workflowId, deriveRequestId(name)) };
}

function cancelChild(h: History, run: HotRun, child: Child): Promise<void> {
  const reason = `requested by parent ${run.key.workflowId}`;
  return h
    .role()
    .requestCancelWorkflow(chainOf(run, child.workflowId, child), { reason, identity: IDENTITY, requestId: cancelIdOf(run, child) });
}

/** Another id than that of the start, which names the run itself. */
function cancelIdOf(run: HotRun, child: Child): string {
  return deriveRequestId({ ...child, originRunId: `${child.originRunId}/cancel/${run.key.runId}` });
}

async function closeChild(h: History, run: HotRun, child: Child): Promise<void> {
  if (child.parentClosePolicy === ParentClosePolicy.REQUEST_CANCEL) return cancelChild(h, run, child);
  const reason = `parent ${run.key.workflowId} has closed`;
  await h.role().terminateWorkflow(chainOf(run, child.workflowId, child), { reason, details: [], identity: IDENTITY, requestId: '' });
}

async function sendExternal(h: History, run: HotRun, request: ExternalRequest): Promise<void> {
  const { workflowId, runId, child, signalName, input, header, reason } = request;
  const ref =
    child === undefined ? { namespaceId: run.key.namespaceId, workflowId, runId: runId.toLowerCase() } : chainOf(run, workflowId, child);
  const requestId = deriveRequestId(request);
  if (request.kind === 'cancel') await h.role().requestCancelWorkflow(ref, { reason, identity: IDENTITY, requestId });
  else await h.role().signalWorkflow(ref, { signalName, input, header, requestId, identity: IDENTITY });
}

async function notifyParent(h: History, run: HotRun): Promise<void> {
  const { parent, closeEvent, firstRunId } = run.state;
  if (parent === undefined || closeEvent === undefined) return;
  const { namespaceId, runId } = run.key;
  await h.role().childClosed(
    { namespaceId, workflowId: parent.workflowId, runId: parent.runId },
    {
      originRunId: parent.runId,
      scheduledEventId: Number(parent.scheduledEventId),
      number: parent.number,
      firstRunId,
      runId,
      closing: closeEvent.attributes,
    },
  );
}
