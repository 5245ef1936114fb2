// Continue-as-new: the run closes, and a new one with a fresh history takes its place.
//
// | signal or cancel request                   | goes to                                  |
// |--------------------------------------------|------------------------------------------|
// | handed to a handler before continueAsNew   | this run                                 |
// | waits without a handler, or comes later    | the new run: named in `carry`, or unseen |

import type { ContinueAsNewCommand } from '@perdure/proto/perdure/api/v1/workflow';
import { type Duration, durationToProto } from '../common/duration.ts';
import { intercepted, toHeader } from '../common/interceptor.ts';
import { encodeValue, encodeValues } from '../common/payload-converter.ts';
import { type RetryPolicy, retryPolicyToProto } from '../common/retry-policy.ts';
import { type SearchAttribute, toSearchAttributeValue } from '../common/search-attribute.ts';
import { checkWellFormed } from '../common/text.ts';
import type { Workflow } from '../common/types.ts';
import type { ContinueAsNewInput, WorkflowInterceptors } from './interceptor.ts';
import { type CommandRules, commandRule, type EventRules } from './rules.ts';
import { type Run, writableRun } from './run.ts';

/** What differs in the new run. What is not named is as in this run, memo and search attributes included. */
export interface ContinueAsNewOptions {
  /** Another workflow type. */
  workflowType?: string;
  taskQueue?: string;
  /** Limit of the new run; 0 is none. */
  runTimeout?: Duration;
  /** Limit of one workflow task, at most 120 s. */
  taskTimeout?: Duration;
  /** The new run's code starts this much later. Starts of a chain are at least 1 s apart in any case. */
  startDelay?: Duration;
  /** Changes to the memo; undefined removes a key. */
  memo?: Readonly<Record<string, unknown>>;
  /** Changes to the search attributes; undefined removes a key. */
  searchAttributes?: Readonly<Record<string, SearchAttribute | undefined>>;
  retry?: RetryPolicy;
}

/** Thrown by continueAsNew: it ends the workflow function. Let it pass. */
export class ContinueAsNew extends Error {
  readonly command: ContinueAsNewCommand;

  constructor(command: ContinueAsNewCommand) {
    super('the workflow continues as a new run');
    this.name = 'ContinueAsNew';
    this.command = command;
  }
}

export const continueEvents: Pick<EventRules, 'workflowContinuedAsNew'> = {
  workflowContinuedAsNew: { role: 'command', completedEventId: (value) => value.completedEventId },
};

export const continueCommands: Pick<CommandRules, 'continueAsNew'> = {
  continueAsNew: commandRule('continueAsNew', {
    event: 'workflowContinuedAsNew',
    produced: (value) => `continue as new ${value.workflowType}`,
    recorded: (value) => `continue as new ${value.workflowType}`,
    same: (produced, recorded) => produced.workflowType === recorded.workflowType,
  }),
};

/** The closing command of a run that continues: signals nobody has handled move along. */
export function continueCommand(run: Run, { command }: ContinueAsNew): { $case: 'continueAsNew'; value: ContinueAsNewCommand } {
  return { $case: 'continueAsNew', value: { ...command, carry: run.waitingSignals.map(({ eventId }) => eventId) } };
}

/**
 * Ends this run and starts a new one of the same workflow id with these arguments, in one step. Only the workflow function may call it; it
 * never returns. Running handlers are awaited first (setWorkflowOptions). Signals that came too late for a handler go to the new run.
 */
export function continueAsNew<F extends Workflow>(...args: Parameters<F>): never {
  throw made('continueAsNew', {}, args);
}

/** continueAsNew with options: `const next = makeContinueAsNewFunc<typeof other>({ workflowType: 'other' })`. */
export function makeContinueAsNewFunc<F extends Workflow>(options: ContinueAsNewOptions = {}): (...args: Parameters<F>) => never {
  return (...args) => {
    throw made('makeContinueAsNewFunc', options, args);
  };
}

function made(api: string, options: ContinueAsNewOptions, args: readonly unknown[]): Error {
  const run = writableRun(api);
  const next = intercepted<WorkflowInterceptors, ContinueAsNewInput, Error>(
    run.interceptors,
    ({ outbound }) => outbound?.continueAsNew?.bind(outbound),
    (input) => successor(run, input),
  );
  return next({ options, args, headers: {} });
}

function successor(run: Run, { options, args, headers }: ContinueAsNewInput): ContinueAsNew {
  const workflowType = options.workflowType ?? run.started.workflowType;
  const memo = Object.entries(options.memo ?? {}).map(([key, value]) => {
    checkWellFormed('memo', key);
    return [key, encodeValue(run.converter, value, `memo ${key}`)] as const;
  });
  const searchAttributes = Object.entries(options.searchAttributes ?? {}).map(([key, value]) => {
    checkWellFormed('search attribute', key);
    return [key, toSearchAttributeValue(value, `search attribute ${key}`)] as const;
  });
  return new ContinueAsNew({
    workflowType,
    taskQueue: options.taskQueue ?? '',
    input: encodeValues(run.converter, args, `workflow ${workflowType}`),
    header: toHeader(headers),
    runTimeout: durationToProto(options.runTimeout, 'runTimeout'),
    taskTimeout: durationToProto(options.taskTimeout, 'taskTimeout'),
    startDelay: durationToProto(options.startDelay, 'startDelay'),
    memo: Object.fromEntries(memo),
    searchAttributes: Object.fromEntries(searchAttributes),
    carry: [],
    retryPolicy: retryPolicyToProto(options.retry),
  });
}
