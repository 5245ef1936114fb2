// Activities.
//
// | from       | by                              | to       | what user code sees                                  |
// |------------|---------------------------------|----------|------------------------------------------------------|
// | -          | a call                          | open     | ScheduleActivity                                     |
// | open       | Completed                       | done     | resolved                                             |
// | open       | Failed, TimedOut, Canceled      | done     | ActivityFailure with its cause                       |
// | open       | scope cancelled, type wait      | stopping | CancelActivity; whatever result comes settles it     |
// | open       | scope cancelled, type try       | done     | CancelActivity; ActivityFailure (CancelledFailure)   |
// | open       | scope cancelled, type abandon   | done     | ActivityFailure (CancelledFailure)                   |
// | done       | any result                      | done     | nothing                                              |

import type { ScheduleActivityCommand } from '@perdure/proto/perdure/api/v1/activity';
import type { Header, Payload } from '@perdure/proto/perdure/api/v1/common';
import { type Duration, durationToProto } from '../common/duration.ts';
import { ActivityFailure, CancelledFailure, failureToError, retryStateName, TimeoutFailure, timeoutName } from '../common/failure.ts';
import { type Headers, intercepted, toHeader } from '../common/interceptor.ts';
import { decodeValue, encodeValues } from '../common/payload-converter.ts';
import { type RetryPolicy, retryPolicyToProto } from '../common/retry-policy.ts';
import { checkText } from '../common/text.ts';
import type { Json } from '../common/types.ts';
import { onScopeCancel, scopeOf } from './cancellation.ts';
import type { ActivityInput, WorkflowInterceptors } from './interceptor.ts';
import { type CommandRules, commandRule, type EventRules } from './rules.ts';
import { captureSite, produce, type Run, type Site, type Step, writableRun } from './run.ts';

export type { RetryPolicy };

/**
 * What happens to an activity when its scope is cancelled. `wait` (default): it is asked to stop, and the call ends when it has.
 * `try`: it is asked to stop, and the call ends at once. `abandon`: it runs on, and the call ends at once.
 */
export type ActivityCancellationType = 'wait' | 'try' | 'abandon';

/** One of startToCloseTimeout and scheduleToCloseTimeout is required. */
export interface ActivityOptions {
  /** From the start of one attempt to its end. */
  startToCloseTimeout?: Duration;
  /** From the call to the end of the last attempt. */
  scheduleToCloseTimeout?: Duration;
  /** From the call to the start of the first attempt. */
  scheduleToStartTimeout?: Duration;
  /** Largest pause between two heartbeats. */
  heartbeatTimeout?: Duration;
  /** Default: unlimited attempts after 1 s, 2 s, 4 s … 100 s. */
  retry?: RetryPolicy;
  /** Default: the workflow's queue. */
  taskQueue?: string;
  /** Unique within the run. Default: the number of the call. */
  activityId?: string;
  cancellationType?: ActivityCancellationType;
}

/** All payloads of one event, in bytes: a larger one would be refused by the service, with the whole task. */
const MAX_INPUT_BYTES = 2 * 1024 * 1024;

type ActivityEvents =
  | 'activityScheduled'
  | 'activityCompleted'
  | 'activityFailed'
  | 'activityTimedOut'
  | 'activityCancelRequested'
  | 'activityCanceled';

interface ActivityStep extends Step {
  readonly activityType: string;
  readonly activityId: string;
}

export const activityEvents: Pick<EventRules, ActivityEvents> = {
  activityScheduled: { role: 'command', completedEventId: (value) => value.completedEventId },
  activityCancelRequested: { role: 'command', completedEventId: (value) => value.completedEventId },
  activityCompleted: {
    role: 'result',
    deliver(run, value) {
      const step = take(run, value.number);
      if (step === undefined) return;
      let result: unknown;
      try {
        result = decodeValue(run.converter, value.result, `result of ${step.label}`);
      } catch (error) {
        return step.reject(error);
      }
      step.resolve(result);
    },
  },
  activityFailed: {
    role: 'result',
    deliver(run, value) {
      const step = take(run, value.number);
      if (step === undefined) return;
      const cause = value.failure && failureToError(value.failure, run.converter);
      const info = { ...nameOf(step), attempt: value.attempt, retryState: retryStateName(value.retryState), identity: value.identity };
      step.reject(new ActivityFailure(`${step.label} failed: ${cause?.message ?? 'no reason given'}`, info, cause));
    },
  },
  activityTimedOut: {
    role: 'result',
    deliver(run, value) {
      const step = take(run, value.number);
      if (step === undefined) return;
      const last = value.lastFailure && failureToError(value.lastFailure, run.converter);
      const type = timeoutName(value.timeoutType);
      const details = value.lastHeartbeatDetails && tryDecode(run, value.lastHeartbeatDetails);
      const cause = new TimeoutFailure(`${type} timeout`, type, details, last);
      const info = { ...nameOf(step), attempt: value.attempt, retryState: retryStateName(value.retryState), identity: '' };
      step.reject(new ActivityFailure(`${step.label} timed out (${type})`, info, cause));
    },
  },
  activityCanceled: {
    role: 'result',
    deliver(run, value) {
      const step = take(run, value.number);
      if (step === undefined) return;
      const details = value.details.map((payload) => tryDecode(run, payload));
      step.reject(canceled(step, new CancelledFailure('the activity was cancelled', details), value.attempt, value.identity));
    },
  },
};

export const activityCommands: Pick<CommandRules, 'scheduleActivity' | 'cancelActivity'> = {
  scheduleActivity: commandRule('scheduleActivity', {
    event: 'activityScheduled',
    produced: (value) => `schedule activity ${value.number} "${value.activityType}"`,
    recorded: (value) => `schedule activity ${value.number} "${value.activityType}"`,
    same: (produced, recorded) => produced.number === recorded.number && produced.activityType === recorded.activityType,
    input: (produced, recorded) => [produced.input, recorded.input],
    site: (recorded) => recorded.callSite,
  }),
  cancelActivity: commandRule('cancelActivity', {
    event: 'activityCancelRequested',
    produced: (value) => `cancel activity ${value.number}`,
    recorded: (value) => `cancel activity ${value.number}`,
    same: (produced, recorded) => produced.number === recorded.number,
  }),
};

function take(run: Run, number: number): ActivityStep | undefined {
  const step = run.activities.get(number) as ActivityStep | undefined;
  if (step === undefined) return undefined;
  run.activities.delete(number);
  step.leaveScope();
  return step;
}

function nameOf(step: ActivityStep): { activityType: string; activityId: string } {
  return { activityType: step.activityType, activityId: step.activityId };
}

function canceled(step: ActivityStep, cause: unknown, attempt: number, identity: string): ActivityFailure {
  return new ActivityFailure(`${step.label} was cancelled`, { ...nameOf(step), attempt, retryState: 'cancelRequested', identity }, cause);
}

function tryDecode(run: Run, payload: Payload): unknown {
  try {
    return decodeValue(run.converter, payload, 'cancellation detail');
  } catch (error) {
    return error;
  }
}

/** The part of the command that does not change between calls. */
type Template = Omit<ScheduleActivityCommand, 'number' | 'activityId' | 'activityType' | 'input' | 'header'>;

function templateOf(options: ActivityOptions): Template {
  if (options.startToCloseTimeout === undefined && options.scheduleToCloseTimeout === undefined) {
    throw new TypeError('activity options: one of startToCloseTimeout and scheduleToCloseTimeout is required');
  }
  const type = options.cancellationType;
  if (type !== undefined && type !== 'wait' && type !== 'try' && type !== 'abandon') {
    throw new TypeError(`activity options: cancellationType is "${String(type)}" (known: wait, try, abandon)`);
  }
  return {
    taskQueue: options.taskQueue ?? '',
    scheduleToCloseTimeout: durationToProto(options.scheduleToCloseTimeout, 'scheduleToCloseTimeout'),
    scheduleToStartTimeout: durationToProto(options.scheduleToStartTimeout, 'scheduleToStartTimeout'),
    startToCloseTimeout: durationToProto(options.startToCloseTimeout, 'startToCloseTimeout'),
    heartbeatTimeout: durationToProto(options.heartbeatTimeout, 'heartbeatTimeout'),
    retryPolicy: retryPolicyToProto(options.retry),
    callSite: '',
  };
}

/** Without a spread: after one, every further property of the literal would take the slow way. */
function commandOf(
  template: Template,
  number: number,
  activityId: string,
  activityType: string,
  input: Payload[],
  header: Header | undefined,
): ScheduleActivityCommand {
  return {
    number,
    activityId,
    activityType,
    input,
    taskQueue: template.taskQueue,
    header,
    scheduleToCloseTimeout: template.scheduleToCloseTimeout,
    scheduleToStartTimeout: template.scheduleToStartTimeout,
    startToCloseTimeout: template.startToCloseTimeout,
    heartbeatTimeout: template.heartbeatTimeout,
    retryPolicy: template.retryPolicy,
    callSite: template.callSite,
  };
}

function schedule(
  activityType: string,
  args: readonly unknown[],
  template: Template,
  options: ActivityOptions,
  above: (...args: never[]) => unknown,
): Promise<unknown> {
  const run = writableRun(`activity ${activityType}`);
  if (run.interceptors === undefined) return start(run, activityType, args, template, options, undefined, above);
  // An interceptor may go on later: the caller is known now.
  const site = captureSite(above);
  const next = intercepted<WorkflowInterceptors, ActivityInput, Promise<unknown>>(
    run.interceptors,
    ({ outbound }) => outbound?.scheduleActivity?.bind(outbound),
    (input) => {
      const same = input.options === options ? template : templateOf(input.options);
      return start(writableRun(`activity ${activityType}`), input.activityType, input.args, same, input.options, input.headers, site);
    },
  );
  return next({ activityType, args, options, headers: {} });
}

function start(
  run: Run,
  activityType: string,
  args: readonly unknown[],
  template: Template,
  options: ActivityOptions,
  headers: Headers | undefined,
  caller: ((...args: never[]) => unknown) | Site | undefined,
): Promise<unknown> {
  const scope = scopeOf(run);
  checkText('activity type', activityType);
  if (options.activityId !== undefined) checkText('activityId', options.activityId);
  if (scope.cancelled !== undefined) return Promise.reject(scope.cancelled);
  // Arguments are serialized now: what the code does to them later must not be seen.
  const input = encodeValues(run.converter, args, `activity ${activityType}`);
  const size = input.reduce((total, payload) => total + payload.data.length, 0);
  if (size > MAX_INPUT_BYTES) {
    throw new RangeError(`activity ${activityType}: the arguments take ${size} bytes, the limit is ${MAX_INPUT_BYTES}`);
  }
  const header = headers === undefined ? undefined : toHeader(headers);
  run.lastActivity += 1;
  const number = run.lastActivity;
  const activityId = options.activityId ?? String(number);
  const site = typeof caller === 'function' ? captureSite(caller) : caller;
  produce(run, { $case: 'scheduleActivity', value: commandOf(template, number, activityId, activityType, input, header) }, site);
  const type = options.cancellationType ?? 'wait';
  return new Promise((resolve, reject) => {
    const leaveScope = onScopeCancel(scope, (cause) => {
      if (type !== 'abandon') produce(run, { $case: 'cancelActivity', value: { number } }, undefined);
      if (type === 'wait') return;
      run.activities.delete(number);
      reject(canceled(step, cause, 0, ''));
    });
    const step: ActivityStep = { number, label: `activity ${activityType}`, activityType, activityId, site, resolve, reject, leaveScope };
    run.activities.set(number, step);
  });
}

/** Runs an activity by name, whose result is `R`. Rejects with ActivityFailure; its `cause` says why. */
export function executeActivity<R = unknown>(
  activityType: string,
  options: ActivityOptions & { args?: readonly unknown[] },
): Promise<Json<R>> {
  return schedule(activityType, options.args ?? [], templateOf(options), options, executeActivity) as Promise<Json<R>>;
}

/** Functions as a workflow sees them: every call answers a promise of what the result is after its way through JSON. */
export type ActivityProxy<T> = {
  readonly [K in keyof T as T[K] extends (...args: never[]) => unknown ? K : never]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Json<Awaited<R>>>
    : never;
};

/**
 * Activities by their names: `const { charge } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' })`.
 * Throws TypeError when a timeout is missing or cannot be read.
 */
export function proxyActivities<T = Record<string, (...args: unknown[]) => unknown>>(options: ActivityOptions): ActivityProxy<T> {
  const template = templateOf(options);
  const made = new Map<string, (...args: unknown[]) => Promise<unknown>>();
  return new Proxy({} as ActivityProxy<T>, {
    get(_target, name) {
      // A proxy that looks like a thenable would be called by `await`.
      if (typeof name !== 'string' || name === 'then') return undefined;
      let call = made.get(name);
      if (call === undefined) {
        call = function activity(...args: unknown[]): Promise<unknown> {
          return schedule(name, args, template, options, call as (...args: never[]) => unknown);
        };
        made.set(name, call);
      }
      return call;
    },
  });
}
