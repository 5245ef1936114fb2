/** Runs workflow tasks: one per run at a time, through the engine, and brings the answers to the service. */
import type { Failure } from '@perdure/proto/perdure/api/v1/failure';
import { type WorkflowTask, WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import {
  type QueryTaskCompletion,
  type WorkflowTaskAccepted,
  WorkflowTaskCompletion,
  type WorkflowTaskFailure,
} from '@perdure/proto/perdure/api/v1/worker_service';
import { pause } from '../common/clock.ts';
import { encodeMessage, hasCodecs, PayloadCodecError } from '../common/data-converter.ts';
import { errorToFailure } from '../common/failure.ts';
import { defaultPayloadConverter } from '../common/payload-converter.ts';
import { Code, itemRefusal, type Refusal, refusalOf, ServiceError } from '../common/service-error.ts';
import { roughBytes } from '../common/size.ts';
import { acknowledgements, createPersistentBatch, largestCommand, type PersistentBatch } from './completion-batch.ts';
import { callWithRoom, type EagerActivities, type EagerOffer } from './eager.ts';
import type { EngineAnswer, WorkflowEngine } from './engine.ts';
import { followUpTask, type OpenFollowUp, type Success, within } from './follow-up.ts';
import { completeHistory, decodeTask, withFullHistory } from './history.ts';
import type { Link } from './link.ts';
import { fitAnswers } from './query-answers.ts';
import type { Slots } from './slots.ts';

/** The service's limit of the commands of one completion. */
const MAX_COMMAND_BYTES = 3 * 1024 * 1024;
/** From this estimate on the exact size is worth an encoding. */
const CHECK_FROM_BYTES = 1024 * 1024;
const MAX_FAILURE_BYTES = 1024 * 1024;
/** A follow-up must fit one request together with the largest result. */
const MAX_FOLLOW_UP_BYTES = 512 * 1024;
/** The end of an activity waits this long for what its run does next: its time limit is running. */
const FOLLOW_UP_MS = 1_000;
/** Times the engine gets the full history of one task. One is enough unless its thread is replaced meanwhile. */
const HISTORY_TRIES = 3;

/** Runs workflow tasks of one worker. */
export interface WorkflowRunner {
  /** Tasks that hold one slot each. */
  take(tasks: readonly WorkflowTask[]): void;
  /** Lets the run of an activity that has succeeded go on; undefined when it cannot. */
  followUp(success: Success): Promise<OpenFollowUp | undefined>;
  /** Runs no more: what waits goes back. */
  stop(): void;
  /** Resolves when no task runs and all answers are brought. */
  drained(): Promise<void>;
}

export interface WorkflowRunnerOptions {
  readonly engine: WorkflowEngine;
  readonly slots: Slots;
  readonly eager: EagerActivities;
  /** Hands a task back to which no code was applied. */
  giveBack(token: Uint8Array): void;
}

interface Context extends WorkflowRunnerOptions {
  readonly link: Link;
  readonly completions: PersistentBatch<WorkflowTaskCompletion, WorkflowTaskAccepted>;
  readonly failures: PersistentBatch<WorkflowTaskFailure, true>;
  readonly queries: PersistentBatch<QueryTaskCompletion, true>;
  stopped: boolean;
}

export function createWorkflowRunner(link: Link, options: WorkflowRunnerOptions): WorkflowRunner {
  const context: Context = {
    ...options,
    link,
    completions: createCompletions(link, options.eager),
    failures: createFailures(link),
    queries: createQueries(link),
    stopped: false,
  };
  /** Runs at work, each with the tasks of the same run that arrived meanwhile. */
  const busy = new Map<string, WorkflowTask[]>();
  let idle: (() => void)[] = [];

  /** Runs the first task, if there is one, and those that wait. The first has a slot in any case. */
  const runAll = async (runId: string, waiting: WorkflowTask[], first: WorkflowTask | undefined): Promise<void> => {
    for (let task = first, more = true; more; task = waiting.shift(), more = task !== undefined) {
      if (task) await runChain(context, runId, task);
      options.slots.release(1);
    }
    busy.delete(runId);
    if (busy.size > 0) return;
    for (const resolve of idle) resolve();
    idle = [];
  };
  const occupy = (runId: string): WorkflowTask[] => {
    const waiting: WorkflowTask[] = [];
    busy.set(runId, waiting);
    return waiting;
  };
  const goOn = (runId: string, waiting: WorkflowTask[], first: WorkflowTask | undefined): void => {
    runAll(runId, waiting, first).catch((error: unknown) => link.log('error', 'a workflow task was lost', { runId, error: String(error) }));
  };
  const giveBack = (task: WorkflowTask): void => {
    options.slots.release(1);
    options.giveBack(task.token);
  };
  return {
    take(tasks) {
      for (const task of tasks) {
        const runId = task.execution?.runId ?? '';
        const waiting = busy.get(runId);
        if (context.stopped) giveBack(task);
        else if (waiting) waiting.push(task);
        else goOn(runId, occupy(runId), task);
      }
    },
    async followUp(success) {
      const task = followUpTask(success);
      const runId = task?.execution?.runId ?? '';
      // The answer that brought the activity may still be on its way through the run's own task.
      if (task !== undefined && busy.has(runId)) await pause(link.clock, 0);
      if (task === undefined || context.stopped || busy.has(runId) || options.slots.takeShare(1, 1) === 0) return undefined;
      const waiting = occupy(runId);
      const work = tryFollowUp(context, runId, task);
      const completion = await within(link.clock, FOLLOW_UP_MS, work);
      const settle = (accepted: WorkflowTaskAccepted | undefined): void => {
        if (accepted) options.engine.committed(runId, accepted.completedEventId, accepted.closed);
        else options.engine.evict(runId);
        goOn(runId, waiting, accepted?.nextTask);
      };
      if (completion) return { message: { startedTime: task.startedTime, completion }, settle };
      // The run may still be at work: nothing else may use it before.
      void work.then(() => settle(undefined));
      return undefined;
    },
    stop() {
      context.stopped = true;
      for (const waiting of busy.values()) for (const task of waiting.splice(0)) giveBack(task);
    },
    async drained() {
      if (busy.size > 0) await new Promise<void>((resolve) => idle.push(resolve));
      await Promise.all([context.completions.drained(), context.failures.drained(), context.queries.drained()]);
    },
  };
}

/** What the run does next; undefined, whatever the reason, when a task of the service must find out. Never rejects. */
async function tryFollowUp({ link, engine }: Context, runId: string, task: WorkflowTask): Promise<WorkflowTaskCompletion | undefined> {
  try {
    const answer = await engine.activate(task);
    if (answer.kind !== 'completed' || roughBytes(answer.completion) > MAX_FOLLOW_UP_BYTES) return undefined;
    if (hasCodecs(link.dataConverter)) await encodeMessage(link.dataConverter, answer);
    return answer.completion;
  } catch (error) {
    link.log('debug', 'a run could not go on before the service knew', { runId, error: String(error) });
    return undefined;
  }
}

/** Runs a task and the next ones that come in the answers to it. Never rejects. */
async function runChain(context: Context, runId: string, first: WorkflowTask): Promise<void> {
  for (let task: WorkflowTask | undefined = first; task; ) {
    if (context.stopped) {
      context.giveBack(task.token);
      return;
    }
    task = await runTask(context, runId, task);
  }
}

/** Runs one task; the next one of the run, if it is due already. */
async function runTask(context: Context, runId: string, task: WorkflowTask): Promise<WorkflowTask | undefined> {
  const { link, engine } = context;
  try {
    const answer = await activate(context, task);
    switch (answer.kind) {
      case 'completed':
        return await complete(context, runId, task, answer.completion);
      case 'queries':
        await context.queries.add({ ...noFailure, token: task.token, queryResults: fitAnswers(answer.results) });
        return undefined;
      case 'failed':
        await fail(context, runId, task, answer.cause, answer.failure);
        return undefined;
      case 'returned':
        context.giveBack(task.token);
        return undefined;
      case 'needHistory':
        // Its thread was replaced again and again, by the fault of other runs.
        engine.evict(runId);
        context.giveBack(task.token);
        return undefined;
    }
  } catch (error) {
    engine.evict(runId);
    await failByError(context, runId, task, error);
    link.log('debug', 'a workflow task ended without an accepted answer', { runId, error: String(error) });
    return undefined;
  }
}

const noFailure = { cause: WorkflowTaskFailureCause.UNSPECIFIED, failure: undefined };

/** Asks the engine, with as much history as it needs. */
async function activate(context: Context, task: WorkflowTask): Promise<EngineAnswer> {
  const { link, engine } = context;
  let whole = await completeHistory(link, await decodeTask(link.dataConverter, task));
  let answer = await engine.activate(whole);
  for (let tries = 0; answer.kind === 'needHistory' && tries < HISTORY_TRIES; tries += 1) {
    whole = await withFullHistory(link, whole);
    answer = await engine.activate(whole);
  }
  if (hasCodecs(link.dataConverter)) await encodeMessage(link.dataConverter, answer);
  return answer;
}

async function complete(
  context: Context,
  runId: string,
  task: WorkflowTask,
  completion: WorkflowTaskCompletion,
): Promise<WorkflowTask | undefined> {
  const tooLarge = sizeProblem(completion);
  if (tooLarge) {
    const failure = errorToFailure(new Error(tooLarge), defaultPayloadConverter);
    await fail(context, runId, task, WorkflowTaskFailureCause.TOO_LARGE, failure);
    return undefined;
  }
  // Rejections end in the caller: whatever the reason, the run is forgotten.
  const queryResults = fitAnswers(completion.queryResults, roughBytes(completion.commands) + roughBytes(completion.variables));
  const accepted = await context.completions.add({ ...completion, queryResults, token: task.token });
  context.engine.committed(runId, accepted.completedEventId, accepted.closed);
  return accepted.nextTask;
}

function sizeProblem(completion: WorkflowTaskCompletion): string | undefined {
  if (roughBytes(completion.commands) < CHECK_FROM_BYTES) return undefined;
  const bytes = WorkflowTaskCompletion.encode({ ...completion, queryResults: [], variables: {} }).finish().length;
  if (bytes <= MAX_COMMAND_BYTES) return undefined;
  return `the commands of one workflow task take ${bytes} bytes, the limit is ${MAX_COMMAND_BYTES}; the largest is ${largestCommand(completion.commands)}`;
}

async function fail(context: Context, runId: string, task: WorkflowTask, cause: WorkflowTaskFailureCause, failure: Failure): Promise<void> {
  context.engine.evict(runId);
  const errorType = failure.info?.$case === 'application' ? failure.info.value.type : undefined;
  logFailed(context, runId, task, { ...(errorType === undefined ? {} : { errorType }), error: failure.message });
  // Its details may be too large to be told.
  const told = roughBytes(failure) <= MAX_FAILURE_BYTES ? failure : { ...failure, cause: undefined, info: undefined };
  try {
    await tellFailure(context, task, cause, told);
  } catch (error) {
    if (!isUnacceptable(refusalOf(error))) throw error;
    // Refused for what it holds: its message alone says enough, and nobody waits for a time limit.
    const bare = errorToFailure(new Error(`${failure.message} (shortened: ${String(error)})`), defaultPayloadConverter);
    await tellFailure(context, task, cause, { ...bare, stackTrace: '' });
  }
}

async function tellFailure(
  { queries, failures }: Context,
  task: WorkflowTask,
  cause: WorkflowTaskFailureCause,
  failure: Failure,
): Promise<void> {
  if (task.queryOnly) await queries.add({ token: task.token, queryResults: [], cause, failure });
  else await failures.add({ token: task.token, cause, failure });
}

/** Refused for what the message holds: sent again as it is, it would be refused again. */
function isUnacceptable(refusal: Refusal | undefined): refusal is Refusal {
  return refusal?.code === Code.INVALID_ARGUMENT && refusal.reason !== 'BAD_TOKEN';
}

function logFailed(context: Context, runId: string, task: WorkflowTask, why: { errorType?: string; error: string }): void {
  const { workflowType, execution, attempt } = task;
  context.link.log('error', 'a workflow task failed', { workflowType, workflowId: execution?.workflowId, runId, attempt, ...why });
}

/** What is left to do about a task whose answer was refused, or for which none could be made. Never rejects. */
async function failByError(context: Context, runId: string, task: WorkflowTask, error: unknown): Promise<void> {
  const refusal = refusalOf(error);
  // The service counts a completion it cannot accept as a failed task and shows why; who looks here must see it too.
  if (refusal?.code === Code.INVALID_ARGUMENT) logFailed(context, runId, task, { error: refusal.message });
  // Answers of queries are not counted, and what is too large as a whole was not even read: those who wait must be told.
  const untold = isUnacceptable(refusal) && (task.queryOnly || refusal.reason === 'TOO_LARGE');
  // Else the service knows best: it has given out a new task, or wants none.
  if ((refusal && !untold) || context.link.abandoned.aborted) return;
  const { PAYLOAD, WORKFLOW_ERROR, TOO_LARGE } = WorkflowTaskFailureCause;
  const cause = untold ? TOO_LARGE : error instanceof PayloadCodecError ? PAYLOAD : WORKFLOW_ERROR;
  const told = untold ? new Error(`the service refused the answer: ${refusal.message}`) : error;
  try {
    await fail(context, runId, task, cause, errorToFailure(told, defaultPayloadConverter));
  } catch (again) {
    const level = isUnacceptable(refusalOf(again)) ? 'error' : 'debug';
    context.link.log(level, 'the failure of a workflow task was refused', { runId, error: String(again) });
  }
}

function createCompletions(link: Link, eager: EagerActivities): PersistentBatch<WorkflowTaskCompletion, WorkflowTaskAccepted> {
  const { api, namespace, info: worker, abandoned: abort } = link;
  return createPersistentBatch<WorkflowTaskCompletion, WorkflowTaskAccepted>(link, roughBytes, async (items) => {
    const commands = items.map((item) => item.commands);
    const call = (offer: EagerOffer) => api.completeWorkflowTasks({ namespace, worker, completions: [...items], ...offer }, { abort });
    const response = await callWithRoom(link, eager, commands, call);
    return response.results.map(({ outcome }) => {
      if (outcome?.$case === 'ok') return outcome.value;
      return outcome ? new ServiceError(itemRefusal(outcome.value)) : new Error('the service left a completion unanswered');
    });
  });
}

function createFailures(link: Link): PersistentBatch<WorkflowTaskFailure, true> {
  const { api, namespace, info: worker, abandoned: abort } = link;
  return createPersistentBatch<WorkflowTaskFailure, true>(link, roughBytes, async (items) => {
    const { errors } = await api.failWorkflowTasks({ namespace, worker, failures: [...items] }, { abort });
    return acknowledgements(errors);
  });
}

function createQueries(link: Link): PersistentBatch<QueryTaskCompletion, true> {
  const { api, namespace, info: worker, abandoned: abort } = link;
  return createPersistentBatch<QueryTaskCompletion, true>(link, roughBytes, async (items) => {
    const { errors } = await api.completeQueries({ namespace, worker, completions: [...items] }, { abort });
    return acknowledgements(errors);
  });
}
