/**
 * Continue-as-new: the run closes, and a new one of the same workflow id is started in the same commit (table in chain.ts). Never refused for
 * what the task had not seen: signals and a cancel request after it, and signals the command names in `carry`, move along.
 */
import { ContinuationCause } from '@perdure/proto/perdure/api/v1/workflow';
import { PerdureError } from '../errors.ts';
import { type ChainInput, continuationOf, movingAlong, succeed } from './chain.ts';
import type { CarriedSignals, CheckContext, CommandRules, CommandValue } from './concepts.ts';
import { MAX_EVENT_PAYLOAD_BYTES } from './limits.ts';
import { checkProperties, mergeMemo, mergeSearchAttributes } from './properties.ts';
import { retryProblem } from './retry.ts';
import { fromDuration } from './time.ts';
import { record, type Transition } from './transition.ts';

export const continueCommands: CommandRules<'continueAsNew'> = {
  continueAsNew: { closing: true, takesUnseen: true, check, apply },
};

type Value = CommandValue<'continueAsNew'>;

function check(context: CheckContext, value: Value): void {
  let last = 0n;
  const seen = context.state.live.flight?.seen ?? 0;
  for (const id of value.carry) {
    if (id <= last) throw bad(`carry: event ${id} follows event ${last}, ids must ascend`);
    // What it had not seen moves along by itself.
    if (Number(id) > seen || !context.signals.has(Number(id))) throw bad(`carry: event ${id} is no signal that the task had seen`);
    last = id;
  }
  const problem = retryProblem(value.retryPolicy);
  if (problem !== undefined) throw bad(problem);
  context.memo = mergeMemo(context.memo, value.memo);
  context.searchAttributes = mergeSearchAttributes(context.searchAttributes, value.searchAttributes);
  checkProperties(context.memo, context.searchAttributes, 'continueAsNew');
  const payloads = [...Object.values(context.memo), ...value.input];
  const bytes = payloads.reduce((sum, { data }) => sum + data.length, 0);
  if (bytes > MAX_EVENT_PAYLOAD_BYTES) throw bad(`input: ${bytes} bytes together with the memo, the limit is ${MAX_EVENT_PAYLOAD_BYTES}`);
}

function apply(t: Transition, value: Value, completedEventId: bigint, signals: CarriedSignals): void {
  const { state, env } = t;
  const newRunId = env.newId();
  const workflowType = value.workflowType || state.workflowType;
  const carried = value.carry.map((id): ChainInput => ({ $case: 'workflowSignaled', value: signals.get(Number(id)) as never }));
  const inputs = [...carried, ...movingAlong(state)];
  const { chain } = state;
  record(t, { $case: 'workflowContinuedAsNew', value: { completedEventId, newRunId, workflowType, carry: value.carry } });
  const changed = {
    workflowType,
    taskQueue: value.taskQueue || state.taskQueue,
    input: value.input,
    header: value.header ?? state.header,
    attempt: 1,
    memo: mergeMemo(state.memo, value.memo),
    searchAttributes: mergeSearchAttributes(state.searchAttributes, value.searchAttributes),
    ...(value.runTimeout === undefined ? {} : { runTimeout: value.runTimeout }),
    ...(value.taskTimeout === undefined ? {} : { taskTimeout: value.taskTimeout }),
    ...(value.retryPolicy === undefined ? {} : { retryPolicy: value.retryPolicy }),
    continuation: continuationOf(state, {
      cause: ContinuationCause.CONTINUE_AS_NEW,
      cronTime: chain?.cronTime ?? 0,
      lastResult: chain?.lastResult,
      lastFailure: undefined,
    }),
  };
  succeed(t, newRunId, state.closedAt + fromDuration(value.startDelay), changed, inputs);
}

function bad(problem: string): PerdureError {
  return new PerdureError('BAD_COMMAND', `continueAsNew.${problem}`);
}
