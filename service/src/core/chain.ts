/**
 * Chains: runs of one workflow id that follow each other. A transition that closes a run may name its successor, which is started in the
 * same commit.
 *
 * | run closes by                       | attempts are left (retry policy) | cron schedule     | else         |
 * |-------------------------------------|----------------------------------|-------------------|--------------|
 * | ContinueAsNew                       | → next run                       | → next run        | → next run   |
 * | Completed                           | –                                | → next time's run | end of chain |
 * | Failed, TimedOut (run timeout)      | → next attempt's run             | → next time's run | end of chain |
 * | TimedOut (execution timeout)        | end of chain                     | end of chain      | end of chain |
 * | Canceled, Terminated                | end of chain                     | end of chain      | end of chain |
 *
 * Somebody who asked the run to cancel ends the chain, whatever its code makes of it: neither attempts nor times follow, only what the code
 * itself continues as new. Starts of a chain are at least 1 s apart.
 */
import type { Payload, RetryPolicy } from '@perdure/proto/perdure/api/v1/common';
import { Failure, RetryState, TimeoutType } from '@perdure/proto/perdure/api/v1/failure';
import { ContinuationCause, type WorkflowStarted } from '@perdure/proto/perdure/api/v1/workflow';
import type { EventValue, Head, MarkFolds } from './concepts.ts';
import { nextTime, parseCron } from './cron.ts';
import { cutFailure } from './failures.ts';
import { CHAIN_SPACING_MS, REQUEST_ID_MEMORY_MS } from './limits.ts';
import { rememberRequest } from './requests.ts';
import { retryOf } from './retry.ts';
import type { RunState } from './state.ts';
import { fromDuration, fromTimestamp, toDuration, toTimestamp } from './time.ts';
import { mark, record, type Transition } from './transition.ts';

/** An input that no completed task has seen. */
export type ChainInput =
  | { readonly $case: 'workflowSignaled'; readonly value: EventValue<'workflowSignaled'> }
  | { readonly $case: 'workflowCancelRequested'; readonly value: EventValue<'workflowCancelRequested'> }
  /** A hold on the run is one on its chain. */
  | { readonly $case: 'workflowPaused'; readonly value: EventValue<'workflowPaused'> };

/** A run that is started in the commit that closes the one before it: what it begins with. */
export interface Successor {
  readonly started: WorkflowStarted;
  /** Written behind WorkflowStarted, with their request ids. */
  readonly inputs: readonly ChainInput[];
  /** Taken by the runs before, with their times: oldest first. */
  readonly requestIds: ReadonlyMap<string, number>;
}

/** What a run hands on beyond what every run has. Runs that have nothing of it have no such part. */
export interface Chain {
  /** 1, 2, … of the retry policy. */
  readonly attempt: number;
  readonly retryPolicy: RetryPolicy | undefined;
  readonly cronSchedule: string;
  /** The time of the schedule that the run belongs to, ms since 1970; 0 without a schedule. */
  readonly cronTime: number;
  readonly continuedFrom: string;
  readonly lastResult: Payload | undefined;
  /** Kept for attempts and times only. */
  readonly input: Payload[];
  /** Of its first event: what it takes in memory. */
  readonly bytes: number;
}

export const chainMarks: MarkFolds<'requestIdsCarried'> = {
  requestIdsCarried(state, value) {
    value.requestIds.forEach((id, index) => {
      rememberRequest(state, id, Number(value.timesMs[index] ?? 0n));
    });
  },
};

/** What the first event says about the chain. */
export function foldChain(state: RunState, value: WorkflowStarted, head: Head): void {
  const { continuation, retryPolicy, cronSchedule } = value;
  const begins = head.time + fromDuration(value.startDelay);
  state.beginsAt = begins;
  state.firstRunId = value.firstRunId || value.runId;
  state.header = value.header;
  const total = state.executionTimeoutMs > 0 ? head.time + state.executionTimeoutMs : 0;
  state.executionDeadline = continuation === undefined ? total : fromTimestamp(continuation.executionDeadline);
  if (continuation === undefined && retryPolicy === undefined && cronSchedule === '') return;
  const repeats = retryPolicy !== undefined || cronSchedule !== '';
  state.chain = {
    attempt: value.attempt,
    retryPolicy,
    cronSchedule,
    cronTime: cronSchedule === '' ? 0 : fromTimestamp(continuation?.cronTime) || begins,
    continuedFrom: continuation?.runId ?? '',
    lastResult: continuation?.lastResult,
    input: repeats ? value.input : [],
    bytes: state.historyBytes,
  };
}

/** How a run closes that may be followed. */
type End =
  | { readonly kind: 'completed'; readonly result: Payload | undefined }
  | { readonly kind: 'failed' | 'timedOut'; readonly failure: Failure };

interface Next {
  readonly cause: ContinuationCause;
  /** Ms since 1970; earlier than allowed is made later. */
  readonly beginsAt: number;
  readonly attempt: number;
  readonly cronTime: number;
  readonly lastResult: Payload | undefined;
  readonly lastFailure: Failure | undefined;
}

export interface Followed {
  /** Empty at the end of the chain. */
  readonly newRunId: string;
  readonly retryState: RetryState;
  /** Names the successor; called when the close is recorded. */
  follow(): void;
}

const ENDS: Followed = { newRunId: '', retryState: RetryState.UNSPECIFIED, follow() {} };

/** The run timeout as a failure, for the attempt after it. */
export function timedOut(state: RunState): Failure {
  const message = `the run timeout of ${state.runTimeoutMs} ms was reached`;
  return Failure.create({ message, source: 'service', info: { $case: 'timeout', value: { timeoutType: TimeoutType.RUN } } });
}

/** What the next run begins with; to be asked before the close is folded, which forgets it. */
export function movingAlong({ unseen, paused }: RunState): ChainInput[] {
  const inputs = unseen?.map(({ input }) => input) ?? [];
  if (paused === undefined) return inputs;
  return [...inputs, { $case: 'workflowPaused', value: { reason: paused.reason, identity: paused.identity, requestId: '' } }];
}

/** Decides what follows a run that is about to close: attempts first, then the schedule. */
export function followUpOn(t: Transition, end: End): Followed {
  const { state, env } = t;
  const { chain } = state;
  if (chain === undefined || (chain.retryPolicy === undefined && chain.cronSchedule === '')) return ENDS;
  const now = Math.max(env.now, state.lastEventAt);
  const retry = retryNext(state, chain, end, now);
  const next = typeof retry === 'object' ? retry : cronNext(state, chain, end, now);
  const retryState = typeof retry === 'object' ? RetryState.UNSPECIFIED : retry;
  if (next === undefined) return { ...ENDS, retryState };
  const newRunId = env.newId();
  const inputs = movingAlong(state);
  return {
    newRunId,
    retryState,
    follow() {
      const continuation = continuationOf(state, next);
      succeed(t, newRunId, next.beginsAt, { input: chain.input, header: state.header, attempt: next.attempt, continuation }, inputs);
    },
  };
}

function retryNext(state: RunState, chain: Chain, end: End, now: number): Next | RetryState {
  if (end.kind === 'completed' || chain.retryPolicy === undefined) return RetryState.UNSPECIFIED;
  if (state.cancelRequested) return RetryState.CANCEL_REQUESTED;
  const decision = retryOf(chain.retryPolicy, chain.attempt, end.failure, now, state.executionDeadline);
  if ('final' in decision) return decision.final;
  return {
    cause: ContinuationCause.RETRY,
    beginsAt: decision.retryAt,
    attempt: chain.attempt + 1,
    cronTime: chain.cronTime,
    lastResult: chain.lastResult,
    lastFailure: end.failure,
  };
}

function cronNext(state: RunState, chain: Chain, end: End, now: number): Next | undefined {
  if (chain.cronSchedule === '' || state.cancelRequested) return undefined;
  const beginsAt = nextTime(parseCron(chain.cronSchedule), chain.cronTime, now);
  if (beginsAt === undefined || (state.executionDeadline > 0 && beginsAt >= state.executionDeadline)) return undefined;
  return {
    cause: ContinuationCause.CRON,
    beginsAt,
    attempt: 1,
    cronTime: beginsAt,
    lastResult: end.kind === 'completed' ? end.result : chain.lastResult,
    lastFailure: end.kind === 'completed' ? undefined : end.failure,
  };
}

type Carried = Pick<Next, 'cause' | 'cronTime' | 'lastResult' | 'lastFailure'>;

export function continuationOf(state: RunState, carried: Carried): WorkflowStarted['continuation'] {
  const { cause, cronTime, lastResult, lastFailure } = carried;
  const { executionDeadline } = state;
  return {
    runId: state.identity.runId,
    cause,
    lastResult,
    lastFailure: lastFailure === undefined ? undefined : cutFailure(lastFailure),
    executionDeadline: executionDeadline === 0 ? undefined : toTimestamp(executionDeadline),
    cronTime: cronTime === 0 ? undefined : toTimestamp(cronTime),
  };
}

/** What the new run has of its own; the rest is as in the run before. */
type Changed = Pick<WorkflowStarted, 'input' | 'header' | 'attempt' | 'continuation'> &
  Partial<Pick<WorkflowStarted, 'workflowType' | 'taskQueue' | 'runTimeout' | 'taskTimeout' | 'memo' | 'searchAttributes' | 'retryPolicy'>>;

/** Names the successor of a run whose close has just been recorded. Its code starts at `beginsAt` (ms since 1970) or later. */
export function succeed(t: Transition, runId: string, beginsAt: number, changed: Changed, inputs: readonly ChainInput[]): void {
  const { state, env } = t;
  const begins = Math.max(beginsAt, state.beginsAt + CHAIN_SPACING_MS, state.closedAt);
  t.successor = {
    started: {
      workflowId: state.identity.workflowId,
      runId,
      workflowType: state.workflowType,
      taskQueue: state.taskQueue,
      randomSeed: env.newId(),
      requestId: '',
      identity: '',
      runTimeout: toDuration(state.runTimeoutMs),
      executionTimeout: toDuration(state.executionTimeoutMs),
      taskTimeout: toDuration(state.taskTimeoutMs),
      startDelay: toDuration(begins - state.closedAt),
      memo: state.memo,
      searchAttributes: state.searchAttributes,
      retryPolicy: state.chain?.retryPolicy,
      firstRunId: state.firstRunId,
      cronSchedule: state.chain?.cronSchedule ?? '',
      parent: state.parent,
      root: state.root,
      ...changed,
    },
    inputs,
    requestIds: state.requestIds,
  };
}

/** The first events of a run that follows another, not before that one's close (ms since 1970). */
export function beginSuccessor(t: Transition, { successor, closedAt }: { successor: Successor; closedAt: number }): void {
  record(t, { $case: 'workflowStarted', value: successor.started }, closedAt);
  const since = t.env.now - REQUEST_ID_MEMORY_MS;
  const kept = [...successor.requestIds].filter(([, taken]) => taken > since);
  if (kept.length > 0) {
    const value = { requestIds: kept.map(([id]) => id), timesMs: kept.map(([, taken]) => BigInt(taken)) };
    mark(t, { $case: 'requestIdsCarried', value });
  }
  for (const input of successor.inputs) record(t, input);
}
