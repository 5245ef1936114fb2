// Steps of a client: what anybody may ask of the service, by the plain generated client.
import { History, HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { differences } from './match.ts';
import type { RpcStep, Verbs } from './scenario.ts';
import { type Stage, workflowIdOf } from './stage.ts';
import { bytesOfHex, durationMs, fromProto, isObject, type Json, type JsonObject, payloadOf } from './values.ts';
import { decodeResponse, encodeRequest, methodNamed, type RawCall } from './wire.ts';

type Args<V extends keyof Verbs> = NonNullable<Verbs[V]>;

const IDENTITY = 'conformance';
const WAIT_MS = 10_000;
const UPDATE_DEADLINE_MS = 70_000;

const payloads = (values: readonly Json[] | undefined): Json[] =>
  (values ?? []).map((value) => (isObject(value) && Object.keys(value).some((key) => key.startsWith('$')) ? value : payloadOf(value)));

function execution(stage: Stage, run: string): JsonObject {
  const runId = stage.runs.get(run)?.runId;
  return { workflowId: workflowIdOf(stage, run), ...(runId === undefined ? {} : { runId }) };
}

const ofRun = (stage: Stage, run: string): JsonObject => ({ namespace: stage.namespace, execution: execution(stage, run) });

export async function start(stage: Stage, { run, type, input, ...fields }: Args<'start'>): Promise<Json> {
  const request = {
    namespace: stage.namespace,
    workflowId: workflowIdOf(stage, run),
    workflowType: type,
    taskQueue: stage.taskQueue,
    input: payloads(input),
    identity: IDENTITY,
    ...fields,
  } as JsonObject;
  const answer = (await stage.wire.call('StartWorkflow', request)) as { runId?: string; started?: boolean };
  stage.runs.set(run, { workflowId: String(request.workflowId), runId: answer.runId ?? '', started: answer.started === true });
  return answer;
}

export function signal(stage: Stage, { run, name, input, requestId = '' }: Args<'signal'>): Promise<Json> {
  return stage.wire.call('SignalWorkflow', {
    ...ofRun(stage, run),
    signalName: name,
    input: payloads(input),
    identity: IDENTITY,
    requestId,
  });
}

/** { result } or { failure }. */
export async function query(stage: Stage, { run, type, args, rejectCondition }: Args<'query'>): Promise<Json> {
  const request = { ...ofRun(stage, run), queryType: type, args: payloads(args), ...(rejectCondition && { rejectCondition }) };
  return unwrapped(await stage.wire.call('QueryWorkflow', request));
}

/** { stage, runId, updateId }, and one of result, failure and rejection when it is completed. */
export async function update(stage: Stage, step: Args<'update'>): Promise<Json> {
  const { run, name, args, updateId = '', waitStage = 'COMPLETED', waitTimeout = '60s' } = step;
  const request = { updateId, updateName: name, args: payloads(args), identity: IDENTITY };
  const wait = { waitStage: `UPDATE_STAGE_${waitStage}`, waitTimeout };
  const answer = await stage.wire.call('UpdateWorkflow', { ...ofRun(stage, run), request, ...wait }, { deadlineMs: UPDATE_DEADLINE_MS });
  const { outcome, ...rest } = answer as JsonObject;
  return outcome === undefined ? rest : { ...rest, ...(unwrapped(outcome) as JsonObject) };
}

/** Names the run, like `start`. */
export async function signalWithStart(stage: Stage, step: Args<'signalWithStart'>): Promise<Json> {
  const { run, type, name, signalInput, input, ...fields } = step;
  const start = {
    workflowId: workflowIdOf(stage, run),
    workflowType: type,
    taskQueue: stage.taskQueue,
    input: payloads(input),
    identity: IDENTITY,
    ...fields,
  } as JsonObject;
  const request = { namespace: stage.namespace, start, signalName: name, input: payloads(signalInput) };
  const answer = (await stage.wire.call('SignalWithStartWorkflow', request)) as { runId?: string; started?: boolean };
  stage.runs.set(run, { workflowId: String(start.workflowId), runId: answer.runId ?? '', started: answer.started === true });
  return answer;
}

export function cancel(stage: Stage, { run, reason = '', requestId = '' }: Args<'cancel'>): Promise<Json> {
  return stage.wire.call('RequestCancelWorkflow', { ...ofRun(stage, run), reason, requestId, identity: IDENTITY });
}

export function terminate(stage: Stage, { run, reason = '', details, requestId = '' }: Args<'terminate'>): Promise<Json> {
  return stage.wire.call('TerminateWorkflow', {
    ...ofRun(stage, run),
    reason,
    details: payloads(details),
    identity: IDENTITY,
    requestId,
  });
}

export function describe(stage: Stage, { run }: Args<'describe'>): Promise<Json> {
  return stage.wire.call('DescribeWorkflow', ofRun(stage, run));
}

/** { status, runId, and the fields of the closing event }. */
export async function result(stage: Stage, { run }: Args<'result'>): Promise<Json> {
  for (;;) {
    const request = { namespace: stage.namespace, executions: [execution(stage, run)], waitTimeout: '10s' };
    const { results } = (await stage.wire.call('AwaitWorkflowResults', request)) as { results?: JsonObject[] };
    const [closed] = results ?? [];
    if (closed === undefined) continue;
    const { closeEvent, status, runId, error } = closed;
    if (error !== undefined) return { error };
    const { id: _, time: __, ...attributes } = (closeEvent ?? {}) as JsonObject;
    return { status: status ?? '', runId: runId ?? '', ...(unwrapped(Object.values(attributes)[0] ?? {}) as JsonObject) };
  }
}

/** A JSON result stands for itself. */
function unwrapped(answer: Json): Json {
  if (!isObject(answer) || !isObject(answer.result) || !('$json' in answer.result)) return answer;
  return { ...answer, result: answer.result.$json ?? null };
}

/** Waits until the run has that many such events; the last of them. */
export async function event(stage: Stage, { run, kind, count = 1, attributes = {} }: Args<'event'>): Promise<Json> {
  let found = 0;
  for (let from = 1n; ; ) {
    const request = { ...ofRun(stage, run), fromEventId: String(from), wait: true, waitTimeout: `${WAIT_MS}ms` };
    const page = (await stage.wire.call('GetWorkflowHistory', request, { deadlineMs: 2 * WAIT_MS })) as {
      history?: { bytes: string };
      nextEventId?: string;
      closed?: boolean;
    };
    for (const each of eventsOf(page.history?.bytes)) {
      if (each.attributes?.$case !== kind) continue;
      const shown = (HistoryEvent.toJSON(each) as JsonObject)[kind] ?? {};
      const view = { time: (HistoryEvent.toJSON(each) as JsonObject).time ?? '', ...(fromProto(shown) as JsonObject) };
      if (differences(attributes, view).length === 0 && ++found === count) return { id: Number(each.id), ...view };
    }
    if (page.closed) throw new Error(`the run closed with ${found} of ${count} events ${kind}`);
    from = BigInt(page.nextEventId ?? from);
  }
}

export const eventsOf = (bytes: string | undefined): HistoryEvent[] =>
  History.decode(Uint8Array.from(Buffer.from(bytes ?? '', 'base64'))).events;

/** The whole log of a run, encoded as stored. */
export async function readHistory(stage: Stage, run: string): Promise<Uint8Array> {
  const pages: Buffer[] = [];
  for (let from = '1'; ; ) {
    const request = { ...ofRun(stage, run), fromEventId: from };
    const page = (await stage.wire.call('GetWorkflowHistory', request)) as {
      history?: { bytes: string };
      nextEventId?: string;
      end?: boolean;
    };
    pages.push(Buffer.from(page.history?.bytes ?? '', 'base64'));
    if (page.end || page.nextEventId === undefined || page.nextEventId === from) return new Uint8Array(Buffer.concat(pages));
    from = page.nextEventId;
  }
}

/** Any method, with a request as JSON, as bytes, or with bytes damaged on purpose. */
export async function rpc(stage: Stage, step: RpcStep): Promise<Json> {
  const { method, path, request = {}, bytes, append, truncate, gzip, deadline } = step;
  const encoded =
    bytes !== undefined ? bytesOfHex(bytes) : method === undefined ? new Uint8Array(0) : encodeRequest(method, inNamespace(stage, request));
  const longer = append === undefined ? encoded : Buffer.concat([encoded, bytesOfHex(append)]);
  const sent = truncate === undefined ? longer : longer.subarray(0, -truncate);
  const options: RawCall = { gzip, ...(deadline !== undefined && { deadlineMs: durationMs(deadline) }) };
  const to = path ?? (method === undefined ? undefined : methodNamed(method).path);
  if (to === undefined) throw new Error('rpc needs a method or a path');
  const answer = await stage.wire.send(to, sent, options);
  return method === undefined ? { bytes: Buffer.from(answer).toString('hex') } : decodeResponse(methodNamed(method).response, answer);
}

function inNamespace({ namespace }: Stage, request: Json): Json {
  return isObject(request) ? { namespace, ...request } : request;
}
