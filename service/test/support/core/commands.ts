// Commands of scripts as words: `schedule 1 run=10s`, `timer 1..3 5s`, `complete done`.
import { type ParentClosePolicy, ScheduleChildWorkflowCommand } from '@perdure/proto/perdure/api/v1/child';
import type { Command } from '@perdure/proto/perdure/api/v1/command';
import type { Header, Payload, RetryPolicy, SearchAttributeValue } from '@perdure/proto/perdure/api/v1/common';
import { Failure } from '@perdure/proto/perdure/api/v1/failure';
import type { LocalActivityMarker, RecordMarkerCommand } from '@perdure/proto/perdure/api/v1/marker';
import { WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import type { ReusePolicy } from '@perdure/proto/perdure/api/v1/workflow';
import { toDuration } from '../../../src/core/time.ts';
import { durationOf } from './text.ts';

export interface Words {
  readonly word: string;
  readonly plain: string[];
  readonly options: Record<string, string>;
}

/** Splits a line; `name=value` is an option. */
export function wordsOf(line: string): Words {
  const [word = '', ...rest] = line.trim().split(/\s+/);
  const isOption = (text: string): boolean => /^[\w.-]+=/.test(text);
  const options = rest.filter(isOption).map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]);
  return { word, plain: rest.filter((text) => !isOption(text)), options: Object.fromEntries(options) as Record<string, string> };
}

/** Text, or as many bytes as `20KiB` or `2MiB` say. `-` is the payload that removes. */
export function payloadOf(text: string): Payload {
  if (text === '-') return { encoding: 'binary/null', data: new Uint8Array(0), metadata: {} };
  return { encoding: 'json/plain', data: Buffer.from(sized(text)), metadata: {} };
}

export function sized(text: string): string {
  const match = /^(\d+)(B|KiB|MiB)$/.exec(text);
  return match === null ? text : 'x'.repeat(Number(match[1]) * ({ B: 1, KiB: 1_024, MiB: 1_048_576 }[match[2] as string] ?? 1));
}

/** `Type:message`, with `final` and `next=5s`. */
export function failureOf({ plain, options }: Words): Failure {
  const [type = '', message = ''] = (plain.find((text) => text.includes(':')) ?? 'Error:').split(':');
  const { next } = options;
  const nextRetryDelay = next === undefined ? undefined : (durationOption(next) ?? { seconds: 0n, nanos: 0 });
  const value = { type, nonRetryable: plain.includes('final'), details: [], nextRetryDelay };
  return Failure.create({ message: sized(message), source: 'ts', info: { $case: 'application', value } });
}

export function durationOption(text: string | undefined): ReturnType<typeof toDuration> {
  return text === undefined ? undefined : toDuration(durationOf(text));
}

export function retryPolicyOf(options: Record<string, string>): RetryPolicy | undefined {
  const { first, factor, most, attempts, final } = options;
  if ((first ?? factor ?? most ?? attempts ?? final) === undefined) return undefined;
  return {
    initialInterval: durationOption(first),
    backoffCoefficient: Number(factor ?? 0),
    maximumInterval: durationOption(most),
    maximumAttempts: Number(attempts ?? 0),
    nonRetryableErrorTypes: final?.split(',') ?? [],
  };
}

/** `memo.color=red`: the entries of one group, without the prefix. */
export function groupOf(options: Record<string, string>, prefix: string): [string, string][] {
  return Object.entries(options)
    .filter(([name]) => name.startsWith(`${prefix}.`))
    .map(([name, value]) => [name.slice(prefix.length + 1), value]);
}

export function memoOf(options: Record<string, string>): Record<string, Payload> {
  return Object.fromEntries(groupOf(options, 'memo').map(([name, value]) => [name, payloadOf(value)]));
}

export function searchAttributesOf(options: Record<string, string>): Record<string, SearchAttributeValue> {
  const read = (text: string): SearchAttributeValue => ({ value: text === '-' ? undefined : { $case: 'keyword', value: sized(text) } });
  return Object.fromEntries(groupOf(options, 'sa').map(([name, value]) => [name, read(value)]));
}

/** `trace=00-1` is the header's text of that name. */
export function headerOf({ trace }: Record<string, string>): Header | undefined {
  return trace === undefined ? undefined : { text: { traceparent: trace }, fields: {} };
}

/** `3` or `1..3`. */
function numbersOf(text = ''): number[] {
  const [from = 0, to = from] = text.split('..').map(Number);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

type Attributes = NonNullable<Command['attributes']>;

function scheduleOf(number: number, options: Record<string, string>): Attributes {
  return {
    $case: 'scheduleActivity',
    value: {
      number,
      activityId: options.id ?? '',
      activityType: options.type ?? 'pay',
      taskQueue: options.queue ?? '',
      input: options.input === undefined ? [] : [payloadOf(options.input)],
      header: undefined,
      scheduleToCloseTimeout: durationOption(options['to-close']),
      scheduleToStartTimeout: durationOption(options['to-start']),
      startToCloseTimeout: durationOption(options.run),
      heartbeatTimeout: durationOption(options.beat),
      retryPolicy: retryPolicyOf(options),
      callSite: '',
    },
  };
}

function continueOf(workflowType: string, options: Record<string, string>): Attributes {
  return {
    $case: 'continueAsNew',
    value: {
      workflowType,
      taskQueue: options.queue ?? '',
      input: options.input === undefined ? [] : [payloadOf(options.input)],
      header: headerOf(options),
      runTimeout: durationOption(options.run),
      taskTimeout: durationOption(options.task),
      startDelay: durationOption(options.delay),
      memo: memoOf(options),
      searchAttributes: searchAttributesOf(options),
      carry: options.carry?.split(',').map(BigInt) ?? [],
      retryPolicy: retryPolicyOf(options),
    },
  };
}

/** `child 1 id=pay-1 policy=abandon`; ids are `child-<number>` unless told. */
function childOf(number: number, options: Record<string, string>): Attributes {
  const policies: Record<string, number> = { terminate: 1, cancel: 2, abandon: 3 };
  return {
    $case: 'scheduleChildWorkflow',
    value: ScheduleChildWorkflowCommand.create({
      number,
      workflowId: options.id ?? `child-${number}`,
      workflowType: options.type ?? 'pay',
      taskQueue: options.queue ?? '',
      input: options.input === undefined ? [] : [payloadOf(options.input)],
      runTimeout: durationOption(options.run),
      executionTimeout: durationOption(options.execution),
      taskTimeout: durationOption(options.task),
      retryPolicy: retryPolicyOf(options),
      memo: memoOf(options),
      searchAttributes: searchAttributesOf(options),
      reusePolicy: Number(options.reuse ?? 0) as ReusePolicy,
      parentClosePolicy: (policies[options.policy ?? ''] ?? Number(options.policy ?? 0)) as ParentClosePolicy,
    }),
  };
}

/** `to=order-8`, or `child=1`. */
function targetOf({ to, run, child }: Record<string, string>): {
  target: { workflowId: string; runId: string } | undefined;
  childNumber: number;
} {
  return { target: to === undefined ? undefined : { workflowId: to, runId: run ?? '' }, childNumber: Number(child ?? 0) };
}

/** `side 1 text`, `patch id [deprecated]`, `local 1 [attempt=2] result=x|back-off=1m` or with a failure. */
function markerOf(words: Words): RecordMarkerCommand['marker'] {
  const { plain, options } = words;
  const [kind, name = ''] = plain;
  if (kind === 'side') return { $case: 'sideEffect', value: { number: Number(name), result: payloadOf(plain[2] ?? '') } };
  if (kind === 'patch') return { $case: 'patch', value: { patchId: name, deprecated: plain.includes('deprecated') } };
  if (kind !== 'local') return undefined;
  const delay = durationOption(options['back-off']);
  const failure = plain.some((text) => text.includes(':')) ? failureOf(words) : undefined;
  let outcome: LocalActivityMarker['outcome'];
  if (options.result !== undefined) outcome = { $case: 'result', value: payloadOf(options.result) };
  else if (delay !== undefined) outcome = { $case: 'backoff', value: { delay, failure } };
  else if (failure !== undefined) outcome = { $case: 'failure', value: failure };
  const value: LocalActivityMarker = {
    number: Number(name),
    activityType: options.type ?? 'hash',
    attempt: Number(options.attempt ?? 1),
    scheduledTime: undefined,
    time: undefined,
    retryState: 0,
    outcome,
  };
  return { $case: 'localActivity', value };
}

const commands: Record<string, (words: Words) => (Attributes | undefined)[]> = {
  schedule: ({ plain, options }) => numbersOf(plain[0]).map((number) => scheduleOf(number, options)),
  'cancel-activity': ({ plain }) => numbersOf(plain[0]).map((number) => ({ $case: 'cancelActivity', value: { number } })),
  timer: ({ plain }) =>
    numbersOf(plain[0]).map((number) => ({
      $case: 'startTimer',
      value: { number, duration: durationOption(plain[1]), callSite: '' },
    })),
  'cancel-timer': ({ plain }) => numbersOf(plain[0]).map((number) => ({ $case: 'cancelTimer', value: { number } })),
  complete: ({ plain }) => [{ $case: 'completeWorkflow', value: { result: plain[0] === undefined ? undefined : payloadOf(plain[0]) } }],
  fail: (words) => [{ $case: 'failWorkflow', value: { failure: words.plain.length === 0 ? undefined : failureOf(words) } }],
  continue: ({ plain, options }) => [continueOf(plain[0] ?? '', options)],
  cancel: ({ plain }) => [{ $case: 'cancelWorkflow', value: { details: plain.map(payloadOf) } }],
  upsert: ({ options }) => [{ $case: 'upsertProperties', value: { memo: memoOf(options), searchAttributes: searchAttributesOf(options) } }],
  child: ({ plain, options }) => numbersOf(plain[0]).map((number) => childOf(number, options)),
  'cancel-child': ({ plain }) => numbersOf(plain[0]).map((number) => ({ $case: 'cancelChildWorkflow', value: { number, reason: '' } })),
  send: ({ plain, options }) =>
    numbersOf(plain[0]).map((number) => ({
      $case: 'signalExternal',
      value: { number, ...targetOf(options), signalName: options.signal ?? 'go', input: [], header: undefined, callSite: '' },
    })),
  'send-cancel': ({ plain, options }) =>
    numbersOf(plain[0]).map((number) => ({
      $case: 'cancelExternal',
      value: { number, ...targetOf(options), reason: options.reason ?? '', callSite: '' },
    })),
  accept: ({ plain }) => plain.map((updateId) => ({ $case: 'acceptUpdate', value: { updateId } })),
  answer: ({ plain }) => [
    {
      $case: 'completeUpdate',
      value: { updateId: plain[0] ?? '', outcome: plain[1] === undefined ? undefined : { $case: 'result', value: payloadOf(plain[1]) } },
    },
  ],
  'fail-update': (words) => [
    { $case: 'completeUpdate', value: { updateId: words.plain[0] ?? '', outcome: { $case: 'failure', value: failureOf(words) } } },
  ],
  marker: (words) => [{ $case: 'recordMarker', value: { marker: markerOf(words), callSite: '' } }],
  unknown: () => [undefined],
};

/** `force`, `sticky`, `waiting`, `set name=value`, `reject u1 Type:message`, and commands, separated by `;`. */
export function completionOf(text: string): WorkflowTaskCompletion {
  const completion = WorkflowTaskCompletion.create();
  for (const part of text.split(';').filter((each) => each.trim() !== '')) {
    const words = wordsOf(part);
    const command = commands[words.word];
    if (command !== undefined) completion.commands.push(...command(words).map((attributes): Command => ({ attributes })));
    else if (words.word === 'force') completion.forceNewTask = true;
    else if (words.word === 'sticky') completion.sticky = true;
    else if (words.word === 'waiting') completion.waitingForHandlers = true;
    else if (words.word === 'reject') completion.rejectedUpdates.push({ updateId: words.plain[0] ?? '', failure: failureOf(words) });
    else if (words.word === 'set') for (const [name, value] of Object.entries(words.options)) completion.variables[name] = payloadOf(value);
    else throw new Error(`not a command: ${part}`);
  }
  return completion;
}
