// A worker of plain generated code that makes one mistake on purpose, named by its argument: what the suite must notice.
import { createInterface } from 'node:readline';
import { History } from '@perdure/proto/perdure/api/v1/event';
import type { Json, JsonObject } from '../../harness/values.ts';
import { uuidv7 } from '../../harness/values.ts';
import { connect, type Wire } from '../../harness/wire.ts';
import { type Attributes, activities, type Log, queries, readAll, workflows } from './workflows.ts';

const INPUTS = ['workflowSignaled', 'workflowCancelRequested'];
const RESULTS = ['activityCompleted', 'activityFailed', 'activityCanceled', 'timerFired'];
const WAIT_MS = 60_000;
const BEAT_MS = 1_000;

const mistake = process.argv[2];
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const order = JSON.parse((await lines.next()).value ?? '{}') as { address: string; namespace: string; taskQueue: string };
const wire: Wire = connect(order.address);
const worker = { workerId: uuidv7(), identity: 'wrong', buildId: '1', sdkName: 'wrong', sdkVersion: '1' };
const common: JsonObject = { namespace: order.namespace, worker };
/** Of the task before, by run. */
const tokens = new Map<string, Json>();
const report = (line: JsonObject): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Events that the code is told, as the tasks so far delivered them. */
function logOf(bytes: string, seen: number): Log {
  const { events } = History.decode(Uint8Array.from(Buffer.from(bytes, 'base64')));
  const started = events[0]?.attributes?.$case === 'workflowStarted' ? events[0].attributes.value : undefined;
  const ends = events.flatMap(({ attributes }) =>
    attributes?.$case === 'workflowTaskCompleted' ? [Number(attributes.value.seenEventId)] : [],
  );
  const phases = mistake === 'results-first' ? [RESULTS, INPUTS] : [INPUTS, RESULTS];
  const activations = [...ends, seen].map((end, index) => {
    const delivered = events
      .filter(({ id }) => Number(id) > (ends[index - 1] ?? 0) && Number(id) <= end)
      .map(({ attributes }) => attributes);
    const kept = delivered.filter((each): each is Attributes => each !== undefined && !isDropped(each, started?.workflowId ?? ''));
    return phases.flatMap((phase) => kept.filter(({ $case }) => phase.includes($case)));
  });
  return { input: readAll(started?.input ?? []), activations };
}

function isDropped(event: Attributes, workflowId: string): boolean {
  if (event.$case === 'workflowSignaled' && !isReadable(event.value.input)) {
    report({ kind: 'log', level: 'warn', message: `signal ${event.value.signalName} skipped`, fields: { workflowId } });
    return true;
  }
  if (mistake === 'drops-signals') return event.$case === 'workflowSignaled';
  if (mistake === 'ignores-cancel') return event.$case === 'workflowCancelRequested';
  return mistake === 'skips-failures' && event.$case === 'activityFailed';
}

function isReadable(payloads: Parameters<typeof readAll>[0]): boolean {
  try {
    readAll(payloads);
    return true;
  } catch {
    return false;
  }
}

async function workOn(task: JsonObject): Promise<void> {
  const { token = '', execution, workflowType = '', baseEventId = 0, seenEventId = 0, queryOnly = false } = task;
  const { history } = (await wire.call('GetWorkflowHistory', {
    namespace: order.namespace,
    execution: execution ?? {},
    toEventId: String(queryOnly ? baseEventId : seenEventId),
  })) as {
    history: { bytes: string };
  };
  const log = logOf(history.bytes, Number(seenEventId));
  const { runId } = execution as { runId: string };
  // A query-only task brings no activation.
  const late = Number(queryOnly) + Number(mistake === 'answers-early');
  const told = { ...log, activations: log.activations.slice(0, log.activations.length - late) };
  const queryResults = ((task.queries ?? []) as { queryId: string; queryType: string }[]).map(({ queryId, queryType }) => ({
    queryId,
    result: { $json: queries[queryType]?.(told) ?? null },
  }));
  const used = mistake === 'stale-token' ? (tokens.get(runId) ?? token) : token;
  tokens.set(runId, token);
  if (queryOnly) return void (await wire.call('CompleteQueries', { ...common, completions: [{ token: used, queryResults }] }));
  let commands = workflows[String(workflowType)]?.(log) ?? [];
  if (mistake === 'closes-first') commands = commands.toReversed();
  if (mistake === 'reuses-numbers' && Number(baseEventId) > 0) commands = commands.map(withFirstNumber);
  const answer = (await wire.call('CompleteWorkflowTasks', { ...common, completions: [{ token: used, commands, queryResults }] })) as {
    answerId?: string;
    results: { ok?: { nextTask?: JsonObject } }[];
  };
  const next = answer.results[0]?.ok?.nextTask;
  if (answer.answerId) await wire.call('HeartbeatActivities', { ...common, receivedAnswerIds: [answer.answerId] });
  if (next !== undefined) await workOn(next);
}

const withFirstNumber = (command: JsonObject): JsonObject => {
  const [[kind, attributes] = ['', {}]] = Object.entries(command) as [string, JsonObject][];
  return { [kind]: 'number' in attributes ? { ...attributes, number: 1 } : attributes };
};

async function attempt(task: JsonObject): Promise<void> {
  const { token = '', activityType = '', attempt: number = 1, heartbeatTimeout } = task;
  const input = ((task.input ?? []) as { $json: Json }[]).map(({ $json }) => $json);
  let beats: NodeJS.Timeout | undefined;
  const canceled = new Promise<void>((resolve) => {
    const beat = async (): Promise<void> => {
      const { results } = (await wire.call('HeartbeatActivities', { ...common, heartbeats: [{ token }] })) as { results: JsonObject[] };
      if (results[0]?.cancelRequested && mistake !== 'works-on') resolve();
    };
    if (heartbeatTimeout !== undefined) beats = setInterval(() => void beat().catch(complain), BEAT_MS);
  });
  const outcome = (await activities[String(activityType)]?.(input, Number(number), canceled)) ?? {};
  clearInterval(beats);
  const told = mistake === 'hides-failures' && 'failed' in outcome ? { completed: { result: { $json: null } } } : outcome;
  await wire.call('CompleteActivityTasks', { ...common, completions: [{ token, ...told }] });
}

const complain = (error: unknown): unknown => report({ kind: 'log', level: 'warn', message: String(error), fields: {} });

/** One call; the ids of answers to name in the next. */
async function pollOnce(
  method: string,
  work: (task: JsonObject) => Promise<void>,
  waitMs: number,
  received: readonly string[],
): Promise<string[]> {
  const request = { ...common, taskQueue: order.taskQueue, maxTasks: 10, waitTimeout: `${waitMs}ms`, receivedAnswerIds: received };
  const answer = (await wire.call(method, request, { deadlineMs: waitMs + 10_000 })) as { answerId?: string; tasks?: JsonObject[] };
  for (const task of answer.tasks ?? []) void work(task).catch(complain);
  return answer.answerId ? [answer.answerId] : [];
}

async function poll(method: string, work: (task: JsonObject) => Promise<void>, isReady: () => void): Promise<never> {
  // Ready is who has polled: a query may come next.
  let received = await pollOnce(method, work, 1, []);
  isReady();
  for (;;) received = await pollOnce(method, work, WAIT_MS, received);
}

process.once('SIGTERM', () => {
  void wire.call('ShutdownWorker', { ...common, taskQueue: order.taskQueue }).finally(() => process.exit(0));
});
const polled = (method: string, work: (task: JsonObject) => Promise<void>): Promise<void> =>
  new Promise((isReady, fail) => void poll(method, work, isReady).catch(fail));
await Promise.all([polled('PollWorkflowTasks', workOn), polled('PollActivityTasks', attempt)]);
report({ kind: 'ready', sdk: 'wrong', version: '1' });
for (let next = await lines.next(); !next.done; next = await lines.next()) complain('no client, no replay');
process.exit(0);
