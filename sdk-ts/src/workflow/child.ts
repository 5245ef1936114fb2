// Child workflows.
//
// | from     | by                                      | to       | what user code sees                                          |
// |----------|-----------------------------------------|----------|--------------------------------------------------------------|
// | -        | startChild, executeChild                | starting | ScheduleChildWorkflow                                        |
// | starting | Started                                 | open     | startChild resolves with the handle                          |
// | starting | StartFailed                             | done     | ChildWorkflowFailure (ServiceFailure with its reason)        |
// | any      | Completed                               | done     | result resolves                                              |
// | any      | Failed, TimedOut, Canceled, Terminated  | done     | ChildWorkflowFailure with its cause                          |
// | any      | scope cancelled, wait                   | stopping | CancelChildWorkflow; whatever comes settles it               |
// | any      | scope cancelled, waitRequested          | stopping | CancelExternal to the child; settled when it is delivered    |
// | any      | scope cancelled, try                    | done     | CancelChildWorkflow; ChildWorkflowFailure (CancelledFailure) |
// | any      | scope cancelled, abandon                | done     | ChildWorkflowFailure (CancelledFailure)                      |
// | done     | any event                               | done     | nothing                                                      |

import type { ScheduleChildWorkflowCommand } from '@perdure/proto/perdure/api/v1/child';
import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import {
  CancelledFailure,
  ChildWorkflowFailure,
  failureToError,
  ServiceFailure,
  TerminatedFailure,
  TimeoutFailure,
  timeoutName,
} from '../common/failure.ts';
import { decodeValue } from '../common/payload-converter.ts';
import { onScopeCancel } from './cancellation.ts';
import { requestCancel } from './external.ts';
import { type CommandRules, commandRule, type EventRules } from './rules.ts';
import { captureSite, produce, type Run, type ScopeNode, type Step } from './run.ts';

/**
 * What happens to a child when its scope is cancelled. `wait` (default): it is asked to cancel itself, and the call ends when it has
 * ended. `waitRequested`: the call ends when the child has been asked. `try`: it is asked, and the call ends at once. `abandon`: it
 * goes on, and the call ends at once.
 */
export type ChildCancellationType = 'wait' | 'waitRequested' | 'try' | 'abandon';

type ChildEvents =
  | 'childWorkflowScheduled'
  | 'childWorkflowStarted'
  | 'childWorkflowStartFailed'
  | 'childWorkflowCancelRequested'
  | 'childWorkflowCompleted'
  | 'childWorkflowFailed'
  | 'childWorkflowTimedOut'
  | 'childWorkflowCanceled'
  | 'childWorkflowTerminated';

/** A child whose result is open: `resolve` and `reject` settle the result. */
export interface ChildStep extends Step {
  readonly workflowId: string;
  readonly workflowType: string;
  /** The first run of its chain; '' until it has been started. */
  runId: string;
  started(): void;
  /** Settles a start that is still awaited. */
  startFailed(error: unknown): void;
}

export const childEvents: Pick<EventRules, ChildEvents> = {
  childWorkflowScheduled: { role: 'command', completedEventId: (value) => value.completedEventId },
  childWorkflowCancelRequested: { role: 'command', completedEventId: (value) => value.completedEventId },
  childWorkflowStarted: {
    role: 'result',
    deliver(run, value) {
      const step = run.children.get(value.number);
      if (step === undefined) return;
      step.runId = value.runId;
      step.started();
    },
  },
  childWorkflowStartFailed: {
    role: 'result',
    deliver(run, value) {
      const step = take(run, value.number);
      if (step === undefined) return;
      const cause = new ServiceFailure(value.message, value.reason, true);
      settle(step, failure(step, '', `was not started: ${value.message}`, cause));
    },
  },
  childWorkflowCompleted: {
    role: 'result',
    deliver(run, value) {
      const step = take(run, value.number);
      if (step === undefined) return;
      let result: unknown;
      try {
        result = decodeValue(run.converter, value.result, `result of ${step.label}`);
      } catch (error) {
        return settle(step, error);
      }
      step.resolve(result);
    },
  },
  childWorkflowFailed: {
    role: 'result',
    deliver(run, value) {
      const step = take(run, value.number);
      if (step === undefined) return;
      const cause = value.failure && failureToError(value.failure, run.converter);
      settle(step, failure(step, value.runId, `failed: ${cause?.message ?? 'no reason given'}`, cause));
    },
  },
  childWorkflowTimedOut: {
    role: 'result',
    deliver(run, value) {
      const step = take(run, value.number);
      if (step === undefined) return;
      const type = timeoutName(value.timeoutType);
      settle(step, failure(step, value.runId, `timed out (${type})`, new TimeoutFailure(`${type} timeout`, type)));
    },
  },
  childWorkflowCanceled: {
    role: 'result',
    deliver(run, value) {
      const step = take(run, value.number);
      if (step === undefined) return;
      const details = value.details.map((payload) => tryDecode(run, payload));
      settle(step, cancelled(step, value.runId, new CancelledFailure('the child was cancelled', details)));
    },
  },
  childWorkflowTerminated: {
    role: 'result',
    deliver(run, value) {
      const step = take(run, value.number);
      if (step === undefined) return;
      const cause = new TerminatedFailure(value.reason === '' ? 'the child was terminated' : value.reason, value.identity);
      settle(step, failure(step, value.runId, `was terminated: ${cause.message}`, cause));
    },
  },
};

export const childCommands: Pick<CommandRules, 'scheduleChildWorkflow' | 'cancelChildWorkflow'> = {
  scheduleChildWorkflow: commandRule('scheduleChildWorkflow', {
    event: 'childWorkflowScheduled',
    produced: (value) => `start child ${value.number} "${value.workflowType}"`,
    recorded: (value) => `start child ${value.number} "${value.workflowType}"`,
    same: (produced, recorded) => produced.number === recorded.number && produced.workflowType === recorded.workflowType,
    input: (produced, recorded) => [produced.input, recorded.input],
    site: (recorded) => recorded.callSite,
  }),
  cancelChildWorkflow: commandRule('cancelChildWorkflow', {
    event: 'childWorkflowCancelRequested',
    produced: (value) => `cancel child ${value.number}`,
    recorded: (value) => `cancel child ${value.number}`,
    same: (produced, recorded) => produced.number === recorded.number,
  }),
};

function take(run: Run, number: number): ChildStep | undefined {
  const step = run.children.get(number);
  if (step === undefined) return undefined;
  run.children.delete(number);
  step.leaveScope();
  return step;
}

function settle(step: ChildStep, error: unknown): void {
  step.startFailed(error);
  step.reject(error);
}

function failure(step: ChildStep, runId: string, problem: string, cause: unknown): ChildWorkflowFailure {
  const { workflowId, workflowType } = step;
  return new ChildWorkflowFailure(`${step.label} ${problem}`, { workflowId, workflowType, runId }, cause);
}

function cancelled(step: ChildStep, runId: string, cause: unknown): ChildWorkflowFailure {
  return failure(step, runId, 'was cancelled', cause);
}

function tryDecode(run: Run, payload: Payload): unknown {
  try {
    return decodeValue(run.converter, payload, 'cancellation detail');
  } catch (error) {
    return error;
  }
}

/** A child that has been asked for, with what becomes of it. */
export interface OpenChild {
  readonly step: ChildStep;
  readonly started: Promise<void>;
  readonly result: Promise<unknown>;
}

/** Asks for a child. The command's number is filled in. */
export function openChild(
  run: Run,
  scope: ScopeNode,
  command: ScheduleChildWorkflowCommand,
  type: ChildCancellationType,
  above: (...args: never[]) => unknown,
): OpenChild {
  const { number, workflowId, workflowType } = command;
  const site = captureSite(above);
  produce(run, { $case: 'scheduleChildWorkflow', value: command }, site);
  const started = Promise.withResolvers<void>();
  const result = Promise.withResolvers<unknown>();
  // Of the two only one may be awaited.
  started.promise.catch(() => {});
  result.promise.catch(() => {});
  const step: ChildStep = {
    number,
    label: `child workflow ${workflowType}`,
    site,
    workflowId,
    workflowType,
    runId: '',
    started: started.resolve,
    startFailed: started.reject,
    resolve: result.resolve,
    reject: result.reject,
    leaveScope: onScopeCancel(scope, (cause) => cancelStep(run, step, type, cause)),
  };
  run.children.set(number, step);
  return { step, started: started.promise, result: result.promise };
}

/** Asked for in this very activation: when it is taken back it is never started, so nobody has to be asked. */
function isNew(run: Run, number: number): boolean {
  return run.commands.some(({ attributes }) => attributes.$case === 'scheduleChildWorkflow' && attributes.value.number === number);
}

function cancelStep(run: Run, step: ChildStep, type: ChildCancellationType, cause: unknown): void {
  const { number } = step;
  const giveUp = (): void => {
    if (take(run, number) !== undefined) settle(step, cancelled(step, step.runId, cause));
  };
  if (type === 'waitRequested' && !isNew(run, number)) requestCancel(run, { childNumber: number }, 'the scope was cancelled', giveUp);
  else if (type !== 'abandon') produce(run, { $case: 'cancelChildWorkflow', value: { number, reason: '' } }, undefined);
  if (type === 'try' || type === 'abandon') giveUp();
}
