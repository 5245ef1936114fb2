// Steps of a worker played by the harness: it polls, completes, fails and reports by the plain generated client, in exactly this order.
import type { Verbs } from './scenario.ts';
import { type HeldTask, type Stage, uuidNamed } from './stage.ts';
import { isObject, type Json, type JsonObject, payloadOf } from './values.ts';
import { itemRefusal } from './wire.ts';

type Args<V extends keyof Verbs> = NonNullable<Verbs[V]>;

/** How the harness calls itself as a worker. */
export const RAW_SDK = 'raw';
/** One poll; another follows while the step has time. */
const POLL = '5s';
const POLL_DEADLINE_MS = 15_000;

/** How a raw worker names itself; one name is one process. */
export function workerInfo(stage: Stage, name = 'raw'): JsonObject {
  return { workerId: uuidNamed(stage.uuids, `worker:${name}`), identity: name, buildId: 'raw', sdkName: RAW_SDK, sdkVersion: '1' };
}

const common = (stage: Stage, worker: string | undefined): JsonObject => ({
  namespace: stage.namespace,
  worker: workerInfo(stage, worker),
});

function payload(value: Json | undefined): JsonObject {
  if (value === undefined) return {};
  return isObject(value) && Object.keys(value).some((key) => key.startsWith('$')) ? value : payloadOf(value);
}

function held(stage: Stage, name: string, kind?: HeldTask['kind']): HeldTask {
  const found = stage.tasks.get(name) ?? captured(stage, name);
  if (found === undefined) throw new Error(`no task ${name} was polled`);
  if (kind !== undefined && found.kind !== kind) throw new Error(`task ${name} is of kind ${found.kind}`);
  return found;
}

/** A task among those of an answer to `rpc`. */
function captured(stage: Stage, name: string): HeldTask | undefined {
  const task = stage.captured.get(name);
  return isObject(task) && 'token' in task ? { kind: 'activityType' in task ? 'activity' : 'workflow', task } : undefined;
}

const tokenOf = ({ task }: HeldTask): Json => task.token ?? '';

/** Takes one task: a next task that came before, else by polling until there is one. */
export async function poll(
  stage: Stage,
  { kind, task: name, queue, worker = 'raw', acknowledge = true, stickyOnly }: Args<'poll'>,
): Promise<Json> {
  const waiting = kind === 'workflow' ? stage.nextTasks.get(worker)?.shift() : undefined;
  if (waiting !== undefined) return keep(stage, name, 'workflow', waiting);
  const method = kind === 'workflow' ? 'PollWorkflowTasks' : 'PollActivityTasks';
  const request = {
    ...common(stage, worker),
    taskQueue: queue ?? stage.taskQueue,
    maxTasks: 1,
    waitTimeout: POLL,
    ...(stickyOnly && { stickyOnly }),
  };
  for (;;) {
    const answer = (await stage.wire.call(method, request, { deadlineMs: POLL_DEADLINE_MS })) as {
      tasks?: JsonObject[];
      answerId?: string;
    };
    const [task] = answer.tasks ?? [];
    if (task === undefined) continue;
    // Unless it is told that they arrived, the service offers the tasks again.
    if (acknowledge) await stage.wire.call('HeartbeatActivities', { ...common(stage, worker), receivedAnswerIds: [answer.answerId ?? ''] });
    return keep(stage, name, kind, task);
  }
}

function keep(stage: Stage, name: string, kind: HeldTask['kind'], task: JsonObject): Json {
  stage.tasks.set(name, { kind, task });
  return task;
}

export async function complete(
  stage: Stage,
  { task: name, worker, commands, result, next, followUp, ...fields }: Args<'complete'>,
): Promise<Json> {
  const task = held(stage, name);
  if (task.kind === 'activity') return completeActivity(stage, task, worker, result, followUp);
  const completion = { token: tokenOf(task), commands: commands ?? [], ...fields } as JsonObject;
  const answer = (await stage.wire.call('CompleteWorkflowTasks', { ...common(stage, worker), completions: [completion] })) as {
    results?: { ok?: JsonObject; error?: JsonObject }[];
  };
  const [outcome] = answer.results ?? [];
  const refusal = itemRefusal(outcome?.error);
  if (refusal !== undefined) throw refusal;
  const { nextTask } = outcome?.ok ?? {};
  if (isObject(nextTask)) {
    if (next !== undefined) keep(stage, next, 'workflow', nextTask);
    else stage.nextTasks.set(worker ?? 'raw', [...(stage.nextTasks.get(worker ?? 'raw') ?? []), nextTask]);
  } else if (next !== undefined) throw new Error(`no next task came with the answer: ${JSON.stringify(outcome)}`);
  return outcome?.ok ?? {};
}

const FAILURE: JsonObject = { message: 'failed on purpose', source: 'raw', application: { type: 'OnPurpose' } };
const CAUSE = 'WORKFLOW_TASK_FAILURE_CAUSE_';

export async function fail(stage: Stage, { task: name, worker, failure = FAILURE, cause = 'WORKFLOW_ERROR' }: Args<'fail'>): Promise<Json> {
  const task = held(stage, name);
  if (task.kind === 'activity') {
    await endActivity(stage, task, worker, { failed: failure });
    return {};
  }
  const failures = [{ token: tokenOf(task), cause: cause.startsWith(CAUSE) ? cause : `${CAUSE}${cause}`, failure }];
  return acknowledged(await stage.wire.call('FailWorkflowTasks', { ...common(stage, worker), failures }));
}

export async function canceled(stage: Stage, { task: name, worker, details }: Args<'canceled'>): Promise<Json> {
  await endActivity(stage, held(stage, name, 'activity'), worker, { canceled: { details: (details ?? []).map(payload) } });
  return {};
}

async function endActivity(stage: Stage, task: HeldTask, worker: string | undefined, outcome: JsonObject): Promise<JsonObject> {
  const completions = [{ token: tokenOf(task), ...outcome }];
  const answer = await stage.wire.call('CompleteActivityTasks', { ...common(stage, worker), completions });
  acknowledged(answer);
  return answer as JsonObject;
}

/** { followUp: { ok } } or { followUp: { error } } when there was one: the end is recorded in both cases. */
async function completeActivity(
  stage: Stage,
  held: HeldTask,
  worker: string | undefined,
  result: Json | undefined,
  followUp: JsonObject | undefined,
): Promise<Json> {
  // A payload without encoding is no value, and no SDK can read it.
  const outcome = { completed: result === undefined ? {} : { result: payload(result) } };
  if (followUp === undefined) {
    await endActivity(stage, held, worker, outcome);
    return {};
  }
  const { startedTime = held.task.startedTime ?? null, ...completion } = followUp;
  const answer = await endActivity(stage, held, worker, { ...outcome, followUp: { startedTime, completion } });
  const [told = {}] = (answer.followUps ?? []) as readonly JsonObject[];
  return { followUp: told };
}

/** Throws the refusal of the one item. */
function acknowledged(answer: Json): Json {
  const [error] = (answer as { errors?: JsonObject[] }).errors ?? [];
  const refusal = itemRefusal(error);
  if (refusal !== undefined) throw refusal;
  return {};
}

/** { cancelRequested } */
export async function heartbeat(stage: Stage, { task: name, worker, details }: Args<'heartbeat'>): Promise<Json> {
  const token = tokenOf(held(stage, name, 'activity'));
  const heartbeats = [{ token, ...(details !== undefined && { details: payload(details) }) }];
  const answer = (await stage.wire.call('HeartbeatActivities', { ...common(stage, worker), heartbeats })) as { results?: JsonObject[] };
  const [result = {}] = answer.results ?? [];
  const refusal = itemRefusal(result.error);
  if (refusal !== undefined) throw refusal;
  return result;
}

export async function answer(stage: Stage, { task: name, worker, results = [], cause, failure }: Args<'answer'>): Promise<Json> {
  const { task } = held(stage, name, 'workflow');
  const queries = (task.queries ?? []) as { queryId?: string }[];
  const queryResults = results.map((value, index) => ({ queryId: queries[index]?.queryId ?? '', result: payload(value) }));
  const problem = cause === undefined ? {} : { cause: `${CAUSE}${cause}`, failure: failure ?? FAILURE };
  const completions = [{ token: task.token ?? '', queryResults, ...problem }];
  return acknowledged(await stage.wire.call('CompleteQueries', { ...common(stage, worker), completions }));
}

export function giveBack(stage: Stage, { untouched = [], begun = [], worker }: Args<'giveBack'>): Promise<Json> {
  const tokens = (names: readonly string[]): Json[] => names.map((name) => tokenOf(held(stage, name)));
  return stage.wire.call('ReturnTasks', { ...common(stage, worker), untouched: tokens(untouched), begun: tokens(begun) });
}
