// Signals and cancel requests to other workflows.
//
// | from | by                             | to   | what user code sees                              |
// |------|--------------------------------|------|--------------------------------------------------|
// | -    | signal, cancel                 | sent | SignalExternal, CancelExternal                   |
// | sent | Delivered                      | done | resolved                                         |
// | sent | Failed                         | done | ServiceFailure with its reason                   |
// | sent | scope cancelled                | done | CancelledFailure; what was sent arrives all the same |
// | done | Delivered, Failed              | done | nothing                                          |

import type { WorkflowExecution } from '@perdure/proto/perdure/api/v1/common';
import { ServiceFailure } from '../common/failure.ts';
import { intercepted, toHeader } from '../common/interceptor.ts';
import { encodeValues } from '../common/payload-converter.ts';
import { checkText } from '../common/text.ts';
import { onScopeCancel, scopeOf } from './cancellation.ts';
import type { SignalExternalInput, WorkflowInterceptors } from './interceptor.ts';
import { type CommandRules, commandRule, type EventRules } from './rules.ts';
import { type CommandAttributes, captureSite, produce, type Run, type Site, type Step, writableRun } from './run.ts';
import type { SignalDefinition } from './signal.ts';

type ExternalEvents =
  | 'externalSignalScheduled'
  | 'externalSignalDelivered'
  | 'externalSignalFailed'
  | 'externalCancelScheduled'
  | 'externalCancelDelivered'
  | 'externalCancelFailed';

const delivered = {
  role: 'result' as const,
  deliver(run: Run, value: { number: number }): void {
    take(run, value.number)?.resolve(undefined);
  },
};

const failed = {
  role: 'result' as const,
  deliver(run: Run, value: { number: number; reason: string; message: string }): void {
    const step = take(run, value.number);
    step?.reject(new ServiceFailure(`${step.label} failed: ${value.message}`, value.reason, true));
  },
};

export const externalEvents: Pick<EventRules, ExternalEvents> = {
  externalSignalScheduled: { role: 'command', completedEventId: (value) => value.completedEventId },
  externalSignalDelivered: delivered,
  externalSignalFailed: failed,
  externalCancelScheduled: { role: 'command', completedEventId: (value) => value.completedEventId },
  externalCancelDelivered: delivered,
  externalCancelFailed: failed,
};

type Named = { number: number; childNumber: number; target: WorkflowExecution | undefined };

const to = ({ childNumber, target }: Named): string => (childNumber > 0 ? `child ${childNumber}` : `"${target?.workflowId ?? ''}"`);
const signalText = (value: Named & { signalName: string }): string => `send ${value.number}: signal "${value.signalName}" to ${to(value)}`;
const cancelText = (value: Named): string => `send ${value.number}: cancel request to ${to(value)}`;

export const externalCommands: Pick<CommandRules, 'signalExternal' | 'cancelExternal'> = {
  signalExternal: commandRule('signalExternal', {
    event: 'externalSignalScheduled',
    produced: signalText,
    recorded: signalText,
    same: (produced, recorded) => produced.number === recorded.number && produced.signalName === recorded.signalName,
    input: (produced, recorded) => [produced.input, recorded.input],
    site: (recorded) => recorded.callSite,
  }),
  cancelExternal: commandRule('cancelExternal', {
    event: 'externalCancelScheduled',
    produced: cancelText,
    recorded: cancelText,
    same: (produced, recorded) => produced.number === recorded.number,
    site: (recorded) => recorded.callSite,
  }),
};

function take(run: Run, number: number): Step | undefined {
  const step = run.externals.get(number);
  if (step === undefined) return undefined;
  run.externals.delete(number);
  step.leaveScope();
  return step;
}

/** Whom it is for: a child by its number, or any workflow by its id. */
type Target = { readonly childNumber: number; readonly execution?: undefined } | { readonly execution: WorkflowExecution };

function namesOf(target: Target): { target: WorkflowExecution | undefined; childNumber: number } {
  return target.execution === undefined
    ? { target: undefined, childNumber: target.childNumber }
    : { target: target.execution, childNumber: 0 };
}

function send(
  run: Run,
  label: string,
  commandOf: (number: number) => CommandAttributes,
  above: (...args: never[]) => unknown,
): Promise<void> {
  const scope = scopeOf(run);
  if (scope.cancelled !== undefined) return Promise.reject(scope.cancelled);
  run.lastExternal += 1;
  const number = run.lastExternal;
  const site = captureSite(above);
  produce(run, commandOf(number), site);
  return new Promise<void>((resolve, reject) => {
    const leaveScope = onScopeCancel(scope, (cause) => {
      run.externals.delete(number);
      reject(cause);
    });
    run.externals.set(number, { number, label, site, resolve: () => resolve(), reject, leaveScope });
  });
}

/** Sends a signal; the answer resolves when the target has it. */
export function sendSignal<Args extends unknown[]>(
  target: Target & { readonly label: string },
  signal: SignalDefinition<Args> | string,
  args: Args,
  above: (...args: never[]) => unknown,
): Promise<void> {
  const signalName = typeof signal === 'string' ? signal : signal.name;
  const run = writableRun(`signal ${signalName}`);
  if (run.interceptors === undefined) return signalOn(run, target, { signalName, args, headers: {} }, above);
  const next = intercepted<WorkflowInterceptors, SignalExternalInput, Promise<void>>(
    run.interceptors,
    ({ outbound }) => outbound?.signalExternal?.bind(outbound),
    (input) => signalOn(run, target, input, above),
  );
  return next({ signalName, args, headers: {} });
}

function signalOn(
  run: Run,
  target: Target & { readonly label: string },
  { signalName, args, headers }: SignalExternalInput,
  above: (...args: never[]) => unknown,
): Promise<void> {
  checkText('signal', signalName);
  const input = encodeValues(run.converter, args, `signal ${signalName}`);
  const names = namesOf(target);
  const header = toHeader(headers);
  return send(
    run,
    `signal ${signalName} to ${target.label}`,
    (number) => ({ $case: 'signalExternal', value: { number, ...names, signalName, input, header, callSite: '' } }),
    above,
  );
}

/** Asks for the cancellation of a child, outside of any scope, and tells when that has an answer. */
export function requestCancel(run: Run, target: Target, reason: string, done: () => void, site?: Site): void {
  run.lastExternal += 1;
  const number = run.lastExternal;
  produce(run, { $case: 'cancelExternal', value: { number, ...namesOf(target), reason, callSite: '' } }, site);
  run.externals.set(number, { number, label: 'cancel request', site, resolve: done, reject: done, leaveScope: () => {} });
}

/** Another workflow. Requests reach its open run, unless a run id was given. */
export interface ExternalWorkflowHandle {
  readonly workflowId: string;
  /** Empty if the handle was made without. */
  readonly runId: string;
  /** Resolves when the signal is in the other's log. Rejects with ServiceFailure, reason WORKFLOW_NOT_FOUND or WORKFLOW_CLOSED among others. */
  signal<Args extends unknown[] = unknown[]>(signal: SignalDefinition<Args> | string, ...args: Args): Promise<void>;
  /** Resolves when the other has been asked to cancel itself, or has closed. Rejects with ServiceFailure, reason WORKFLOW_NOT_FOUND. */
  cancel(reason?: string): Promise<void>;
}

/** A handle by which this workflow signals or cancels another. Throws TypeError for an empty id. */
export function getExternalWorkflowHandle(workflowId: string, runId = ''): ExternalWorkflowHandle {
  checkText('workflowId', workflowId);
  const execution: WorkflowExecution = { workflowId, runId };
  const label = `workflow ${workflowId}`;
  return {
    workflowId,
    runId,
    signal: (signal, ...args) => sendSignal({ execution, label }, signal, args, getExternalWorkflowHandle),
    cancel(reason = '') {
      const run = writableRun('cancel');
      return send(
        run,
        `cancel request to ${label}`,
        (number) => ({ $case: 'cancelExternal', value: { number, target: execution, childNumber: 0, reason, callSite: '' } }),
        getExternalWorkflowHandle,
      );
    },
  };
}
