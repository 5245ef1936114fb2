// Activities in a test: one alone without any worker, and those of a worker with a `sleep` that time may skip.
import { type ActivityContext, type ActivityInfo, CancelledFailure, Context } from '@perdure/sdk/activity';
import type { Json } from '@perdure/sdk/client';
import {
  activityTable,
  defaultPayloadConverter as converter,
  type Duration,
  decodeValue,
  decodeValues,
  encodeValues,
  runInContext,
  toMs,
} from '@perdure/sdk/testing';
import type { Flow } from './flow.ts';
import type { Time } from './time.ts';

/** What an attempt is told, and who listens to it. */
export interface ActivityOptions {
  /** Facts that the code asks for; the others have values that say nothing. */
  info?: Partial<ActivityInfo>;
  /** Gets each value the code gives to `heartbeat`, as the service would keep it; undefined for a bare sign of life. */
  onHeartbeat?: (details: unknown) => void;
  /** Aborting it is a cancel request: the code's own signal is aborted with a CancelledFailure. */
  signal?: AbortSignal;
  /** Takes the code's log lines. Default: they are dropped. */
  log?: ActivityContext['log'];
}

type AnyActivity = (...args: never[]) => unknown;

/** Runs one attempt of `activity` here. Arguments and result go the way through the payload converter, as between processes. */
export async function runActivity<F extends AnyActivity>(
  flow: Flow,
  time: Time,
  activity: F,
  args: Parameters<F>,
  options: ActivityOptions,
): Promise<Json<Awaited<ReturnType<F>>>> {
  const stop = new AbortController();
  const cancel = (): void => stop.abort(new CancelledFailure('the activity was cancelled'));
  const { signal, onHeartbeat = () => {}, log = () => {} } = options;
  const context: ActivityContext = {
    info: infoOf(activity, time, options.info),
    signal: stop.signal,
    heartbeat: (details) => onHeartbeat(details === undefined ? undefined : through([details], 'heartbeat details')[0]),
    log,
    sleep: (duration) => flow.sleep(toMs(duration, 'duration'), stop.signal),
  };
  if (signal?.aborted) cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    const result = await runInContext(context, () => activity(...(through(args, 'arguments') as never[])));
    const [payload] = encodeValues(converter, [result], 'result');
    return decodeValue(converter, payload, 'result') as Json<Awaited<ReturnType<F>>>;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

function through(values: readonly unknown[], what: string): unknown[] {
  return decodeValues(converter, encodeValues(converter, values, what), what);
}

function infoOf(activity: AnyActivity, time: Time, info: Partial<ActivityInfo> = {}): ActivityInfo {
  const now = new Date(time.now());
  const workflowExecution = { workflowId: 'test', runId: '00000000-0000-7000-8000-000000000000' };
  const activityId = info.activityId ?? '1';
  return Object.freeze({
    namespace: 'default',
    workflowExecution,
    workflowType: 'test',
    activityId,
    activityType: activity.name === '' ? 'activity' : activity.name,
    taskQueue: 'test',
    attempt: 1,
    taskToken: 'dGVzdA==',
    idempotencyKey: `${(info.workflowExecution ?? workflowExecution).runId}/${activityId}`,
    scheduledTime: now,
    startedTime: now,
    deadline: undefined,
    heartbeatTimeout: undefined,
    heartbeatDetails: undefined,
    headers: {},
    ...info,
  });
}

/** The same activities, but that time may skip while all that run wait in `sleep` of their context. */
export function skippingActivities(activities: object, flow: Flow): Record<string, AnyActivity> {
  const wrapped = [...activityTable(activities)].map(([type, activity]) => [type, skipping(activity, flow)] as const);
  return Object.fromEntries(wrapped);
}

function skipping(activity: AnyActivity, flow: Flow): AnyActivity {
  return (...args) => {
    const real = Context.current();
    const context: ActivityContext = Object.create(real, {
      sleep: { value: (duration: Duration) => flow.rest(toMs(duration, 'duration'), real.signal) },
    });
    return runInContext(context, () => activity(...args));
  };
}
