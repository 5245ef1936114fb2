// The wrong worker's workflows and activities as state machines: what the log so far asks for, without replay.
import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { Failure } from '@perdure/proto/perdure/api/v1/failure';
import type { Json, JsonObject } from '../../harness/values.ts';

export type Attributes = NonNullable<HistoryEvent['attributes']>;

export interface Log {
  readonly input: readonly Json[];
  /** What was delivered, task by task; the last is the one to answer. */
  readonly activations: readonly (readonly Attributes[])[];
}

interface Data {
  readonly data: Uint8Array;
}
const read = ({ data }: Data): Json => (data.length === 0 ? null : (JSON.parse(Buffer.from(data).toString()) as Json));
export const readAll = (payloads: readonly Data[]): Json[] => payloads.map(read);

const complete = (result: Json): JsonObject => ({ completeWorkflow: { result: { $json: result } } });
const schedule = (number: number, activityType: string, input: readonly Json[] = [], options: JsonObject = {}): JsonObject => ({
  scheduleActivity: {
    number,
    activityId: String(number),
    activityType,
    input: input.map((value) => ({ $json: value })),
    startToCloseTimeout: '1m',
    ...options,
  },
});

type ValueOf<K extends Attributes['$case']> = Extract<Attributes, { $case: K }>['value'];
const named = <K extends Attributes['$case']>(events: readonly Attributes[], $case: K): ValueOf<K>[] =>
  events.flatMap((event) => (event.$case === $case ? [event.value as ValueOf<K>] : []));
const signals = (events: readonly Attributes[], name: string): Json[][] =>
  named(events, 'workflowSignaled').flatMap(({ signalName, input }) => (signalName === name ? [readAll(input)] : []));
const fresh = ({ activations }: Log): readonly Attributes[] => activations.at(-1) ?? [];
const isFirst = ({ activations }: Log): boolean => activations.length === 1;
const isEnd = ({ $case }: Attributes): boolean => $case === 'activityCompleted' || $case === 'activityFailed';
const sum = (log: Log): number => signals(log.activations.flat(), 'add').reduce((total, [value]) => total + Number(value), 0);

/** Tells what came in which order, and at which count its conditions held. */
function told({ activations }: Log): string[] {
  const found: string[] = [];
  let waiting: (readonly [string, number])[] = [
    ['late', 6],
    ['first', 2],
    ['second', 2],
  ];
  const settle = (): void => {
    for (const [name, count] of waiting) {
      if (found.length < count) continue;
      found.push(`condition ${name}`);
      waiting = waiting.filter(([other]) => other !== name);
      settle();
      return;
    }
  };
  for (const events of activations) {
    for (const [index, event] of events.entries()) {
      if (event.$case === 'workflowSignaled') found.push(`signal ${readAll(event.value.input)[0]}`);
      if (event.$case === 'activityCompleted') found.push(`result of ${event.value.number === 1 ? 'slow' : 'quick'}`);
      // At rest between inputs and results, and at the end.
      if (events[index + 1] === undefined || isEnd(event) !== isEnd(events[index + 1] as Attributes)) settle();
    }
  }
  return found;
}

/** Commands for the last activation. */
export const workflows: Readonly<Record<string, (log: Log) => JsonObject[]>> = {
  completesGreeting: ({ input: [name, options] }) => [complete(`Hello, ${name}${(options as { exclaim: boolean }).exclaim ? '!' : '.'}`)],
  retriesUntil(log) {
    const [attempt = 0, maximumAttempts = 0] = log.input;
    const retryPolicy = { initialInterval: '10ms', maximumAttempts };
    if (isFirst(log)) return [schedule(1, 'retriesFlaky', [attempt], { retryPolicy, startToCloseTimeout: '30s' })];
    const [completed] = named(fresh(log), 'activityCompleted');
    if (completed?.result !== undefined) return [complete(read(completed.result))];
    return named(fresh(log), 'activityFailed').map(({ failure, attempt: last, retryState }): JsonObject => {
      const message = `activity retriesFlaky failed: ${failure?.message}`;
      const activity = { activityId: '1', activityType: 'retriesFlaky', attempt: last, retryState };
      return {
        failWorkflow: { failure: { message, cause: failure === undefined ? {} : (Failure.toJSON(failure) as JsonObject), activity } },
      };
    });
  },
  nonRetryable(log) {
    const failed = named(log.activations.flat(), 'activityFailed');
    const type = ['nonRetryableByType', 'nonRetryableByFlag'][failed.length];
    const retryPolicy = { initialInterval: '1h', nonRetryableErrorTypes: ['CardExpired'] };
    if (type !== undefined) return isFirst(log) || fresh(log).some(isEnd) ? [schedule(failed.length + 1, type, [], { retryPolicy })] : [];
    const each = failed.map(({ failure, attempt }) => {
      const info = failure?.info?.$case === 'application' ? failure.info.value : { type: '', details: [] };
      return { type: info.type, details: readAll(info.details), attempt, retryState: 'nonRetryable' };
    });
    return [complete(each)];
  },
  cancelReachesCode(log) {
    const options = { startToCloseTimeout: '2h', heartbeatTimeout: '3s' };
    if (isFirst(log)) return [schedule(1, 'cancelReachesCodeWork', [], options)];
    if (signals(fresh(log), 'stop').length > 0) return [{ cancelActivity: { number: 1 } }];
    return named(fresh(log), 'activityCanceled').map(({ details }) => complete(readAll(details)));
  },
  stepsInARow(log) {
    const done = named(log.activations.flat(), 'activityCompleted').map(({ result }) => (result === undefined ? null : read(result)));
    if (done.length === Number(log.input[0])) return [complete(done)];
    return [schedule(done.length + 1, 'stepsSquare', [done.length + 1])];
  },
  upToDateSum: (log) => (signals(fresh(log), 'end').length > 0 ? [complete(sum(log))] : []),
  cleansUp(log) {
    if (isFirst(log)) return [{ startTimer: { number: 1, duration: '1h' } }];
    if (fresh(log).some(isEnd)) return [{ cancelWorkflow: {} }];
    if (named(fresh(log), 'workflowCancelRequested').length === 0) return [];
    return [{ cancelTimer: { number: 1 } }, schedule(1, 'cleansUpRelease', [], { taskQueue: String(log.input[0]) })];
  },
  cleansUpNothing(log) {
    if (isFirst(log)) return [{ startTimer: { number: 1, duration: '1h' } }];
    return named(fresh(log), 'workflowCancelRequested').length === 0 ? [] : [{ cancelTimer: { number: 1 } }, complete('done anyway')];
  },
  orderTold(log) {
    const options = { taskQueue: String(log.input[0]) };
    if (isFirst(log)) return [schedule(1, 'slow', [], options), schedule(2, 'quick', [], options)];
    const lines = told(log);
    return lines.includes('condition late') ? [complete(lines)] : [];
  },
};

export const queries: Readonly<Record<string, (log: Log) => Json>> = { sum };

const failed = (message: string, application: JsonObject): JsonObject => ({ failed: { message, application } });

/** How an attempt ends; `canceled` resolves when it is asked to stop. */
export const activities: Readonly<
  Record<string, (input: readonly Json[], attempt: number, canceled: Promise<void>) => JsonObject | Promise<JsonObject>>
> = {
  retriesFlaky: ([succeedAt], attempt) =>
    attempt < Number(succeedAt)
      ? failed(`attempt ${attempt} is too early`, { type: 'RangeError' })
      : { completed: { result: { $json: attempt } } },
  nonRetryableByType: () => failed('expired in May', { type: 'CardExpired' }),
  nonRetryableByFlag: () =>
    failed('no such customer', { type: 'NoSuchCustomer', nonRetryable: true, details: [{ $json: { customer: 7 } }] }),
  stepsSquare: ([step]) => ({ completed: { result: { $json: Number(step) ** 2 } } }),
  async cancelReachesCodeWork(_input, _attempt, canceled) {
    await canceled;
    return { canceled: { details: [{ $json: { aborted: true, done: 'half' } }] } };
  },
};
