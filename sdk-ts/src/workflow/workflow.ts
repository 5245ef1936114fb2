// Start, cancel request and close of a run.
//
// | main ended with                                   | becomes                      |
// |---------------------------------------------------|------------------------------|
// | a value                                           | CompleteWorkflow             |
// | a cancellation, after a cancel request to the run | CancelWorkflow               |
// | continueAsNew                                     | ContinueAsNew                |
// | any Perdure failure, or a class of failureTypes   | FailWorkflow                 |
// | anything else                                     | the task fails and is tried again |

import { CancelledFailure, errorToFailure, isCancellation, PerdureFailure } from '../common/failure.ts';
import { encodeValue } from '../common/payload-converter.ts';
import { cancelScope } from './cancellation.ts';
import { ContinueAsNew, continueCommand } from './continue-as-new.ts';
import { seedRandom } from './random.ts';
import { type CommandRules, commandRule, type EventRules } from './rules.ts';
import { type CommandAttributes, type Run, writableRun } from './run.ts';

type WorkflowEvents =
  | 'workflowStarted'
  | 'workflowCompleted'
  | 'workflowFailed'
  | 'workflowTimedOut'
  | 'workflowCanceled'
  | 'workflowTerminated'
  | 'workflowCancelRequested'
  | 'workflowForked'
  | 'workflowPaused'
  | 'workflowResumed'
  | 'workflowTaskCompleted';

export const workflowEvents: Pick<EventRules, WorkflowEvents> = {
  workflowStarted: { role: 'start' },
  workflowTaskCompleted: { role: 'task' },
  workflowCompleted: { role: 'command', completedEventId: (value) => value.completedEventId },
  workflowFailed: { role: 'command', completedEventId: (value) => value.completedEventId },
  workflowCanceled: { role: 'command', completedEventId: (value) => value.completedEventId },
  workflowTimedOut: { role: 'rest' },
  workflowTerminated: { role: 'rest' },
  workflowForked: {
    role: 'head',
    deliver(run, value) {
      run.runId = value.runId;
      // In place: whoever draws holds the stream itself.
      Object.assign(run.stream, seedRandom(value.randomSeed));
    },
  },
  workflowPaused: { role: 'rest' },
  workflowResumed: { role: 'rest' },
  workflowCancelRequested: {
    role: 'input',
    deliver(run, value) {
      cancelScope(run.root, new CancelledFailure(value.reason === '' ? 'the workflow was cancelled' : value.reason));
    },
  },
};

export const workflowCommands: Pick<CommandRules, 'completeWorkflow' | 'failWorkflow' | 'cancelWorkflow'> = {
  completeWorkflow: commandRule('completeWorkflow', {
    event: 'workflowCompleted',
    produced: () => 'complete the workflow',
    recorded: () => 'complete the workflow',
    same: () => true,
  }),
  failWorkflow: commandRule('failWorkflow', {
    event: 'workflowFailed',
    produced: (value) => `fail the workflow (${value.failure?.message ?? ''})`,
    recorded: (value) => `fail the workflow (${value.failure?.message ?? ''})`,
    same: () => true,
  }),
  cancelWorkflow: commandRule('cancelWorkflow', {
    event: 'workflowCanceled',
    produced: () => 'end the workflow as cancelled',
    recorded: () => 'end the workflow as cancelled',
    same: () => true,
  }),
};

/** The closing command, when main has ended and (unless told otherwise) no handler runs. Throws what fails the task. */
export function closingCommand(run: Run): CommandAttributes | undefined {
  const { outcome } = run;
  if (outcome === undefined) return undefined;
  if (outcome.kind === 'completed') {
    if (!awaited(run)) return undefined;
    const result = encodeValue(run.converter, outcome.value, `result of workflow ${run.started.workflowType}`);
    return { $case: 'completeWorkflow', value: { result } };
  }
  const { error } = outcome;
  if (error instanceof ContinueAsNew) return awaited(run) ? continueCommand(run, error) : undefined;
  // An error of the task shows at once; a failure of the run waits for handlers like a result does.
  if (!failsRun(run, error)) throw error;
  if (!awaited(run)) return undefined;
  const failure = errorToFailure(error, run.converter);
  if (isCancellation(error) && run.root.cancelled !== undefined) {
    const details = failure.info?.$case === 'canceled' ? failure.info.value.details : [];
    return { $case: 'cancelWorkflow', value: { details } };
  }
  return { $case: 'failWorkflow', value: { failure } };
}

/** No handler keeps the run from closing. */
function awaited(run: Run): boolean {
  return !run.awaitHandlers || run.runningHandlers.size === 0;
}

/** Whether what user code threw is a failure of the run, or of the update it handled, and not of the task. */
export function failsRun(run: Run, error: unknown): boolean {
  if (error instanceof PerdureFailure) return true;
  if (run.failureTypes.size === 0 || typeof error !== 'object' || error === null) return false;
  if (run.failureTypes.has(String((error as Error).name))) return true;
  for (let type = Object.getPrototypeOf(error); type !== null; type = Object.getPrototypeOf(type)) {
    if (run.failureTypes.has(String(type.constructor?.name))) return true;
  }
  return false;
}

/** `awaitHandlers` (default true): the run closes only when all its handlers have ended. */
export function setWorkflowOptions(options: { awaitHandlers?: boolean }): void {
  const run = writableRun('setWorkflowOptions');
  if (options.awaitHandlers !== undefined) run.awaitHandlers = options.awaitHandlers;
}
