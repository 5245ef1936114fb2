// Scripts of the core: lines of inputs, each followed by what it writes, offers, answers and leaves to be done. See service/src/core/testdata/README.md.

import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { TimeoutType } from '@perdure/proto/perdure/api/v1/failure';
import { ReapplyKind, ResetPoint } from '@perdure/proto/perdure/api/v1/fork';
import { WorkflowTaskFailureCause } from '@perdure/proto/perdure/api/v1/task';
import type { ActivityTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import { Marks } from '@perdure/proto/perdure/server/v1/mark';
import { ActivityTaskToken, WorkflowTaskToken } from '@perdure/proto/perdure/server/v1/token';
import { readCheckpoint, writeCheckpoint } from '../../../src/core/checkpoint.ts';
import type { Effect, EffectAnswer } from '../../../src/core/effects.ts';
import { type FollowUpInput, followUpFacts } from '../../../src/core/follow-up.ts';
import type { ForkPoint } from '../../../src/core/fork-plan.ts';
import type { SignalInput, StartInput, UpdateInput } from '../../../src/core/inputs.ts';
import { nextDue, outstanding, wakeAt } from '../../../src/core/outstanding.ts';
import type { PauseInput } from '../../../src/core/pause.ts';
import type { Activity, Flight } from '../../../src/core/state.ts';
import type { InputKind, Inputs } from '../../../src/core/step.ts';
import type { Transition, UpdateNews } from '../../../src/core/transition.ts';
import { PerdureError } from '../../../src/errors.ts';
import {
  completionOf,
  failureOf,
  headerOf,
  memoOf,
  payloadOf,
  retryPolicyOf,
  searchAttributesOf,
  type Words,
  wordsOf,
} from './commands.ts';
import { forkRun } from './fork.ts';
import { changeOf, showHeartbeat } from './operators.ts';
import { apply, flush, loggedSignals, newRun, nextRun, type Run, reload, worker } from './run.ts';
import { clock, durationOf, showEvent, showFields, showMark, showPayload } from './text.ts';
import { views } from './views.ts';

const RETENTION_MS = 86_400_000;

interface Session {
  run: Run;
  /** The run that follows it. */
  next: Run | undefined;
  /** Tokens by name (`t1`, `1.2.1`), and the newest per activity (`1`) and of the task (`t`). */
  readonly tasks: Map<string, WorkflowTaskToken>;
  readonly activities: Map<string, ActivityTaskToken>;
  claims: number;
  left: string;
}

type Handler = (session: Session, words: Words, line: string) => string[];

/** Runs the lines of one script and returns what they print, each block indented below its line. */
export function runScript(lines: readonly string[]): string[] {
  const session: Session = { run: newRun(), next: undefined, tasks: new Map(), activities: new Map(), claims: 0, left: '' };
  return lines.flatMap((line) =>
    line === '' || line.startsWith('#') ? [line] : [line, ...runLine(session, line).map((out) => `  ${out}`)],
  );
}

function runLine(session: Session, line: string): string[] {
  const words = wordsOf(line);
  const handler = inputs[words.word];
  if (handler === undefined) throw new Error(`not an input: ${line}`);
  return [...handler(session, words, line), ...leftOf(session)];
}

function give<K extends InputKind>(
  session: Session,
  kind: K,
  input: Inputs[K][0],
  answer: (value: Inputs[K][1]) => string[] = () => [],
): string[] {
  const stepped = apply(session.run, kind, input);
  const head = stepped.refused === undefined ? answer(stepped.answer) : [`refused ${stepped.refused.reason}: ${stepped.refused.message}`];
  return [...head, ...written(stepped.transition), ...followed(session, stepped.transition)];
}

/** What the run that follows begins with. */
function followed(session: Session, { successor }: Transition): string[] {
  if (successor === undefined) return [];
  const { next, transition } = nextRun(session.run, successor);
  session.next = next;
  return ['followed by', ...written(transition).map((line) => `  ${line}`)];
}

const SHOWN = 12;

function written(transition: Transition): string[] {
  const facts = [
    ...transition.events.map((event) => `event ${showEvent(event)}`),
    ...transition.marks.map((mark) => `mark ${showMark(mark)}`),
    ...transition.lazyMarks.map((mark) => `lazy mark ${showMark(mark)}`),
  ];
  const shown = facts.length <= SHOWN ? facts : [...facts.slice(0, 2), `… ${facts.length - 4} more`, ...facts.slice(-2)];
  const offers = [
    ...(transition.offerTask ? ['task'] : []),
    ...transition.offerActivities.map((number) => `activity ${number}`),
    ...(transition.deliverEffects ? ['effects'] : []),
  ];
  const told = (transition.updates ?? []).map((news) => `tell ${showNews(news)}`);
  return [...shown, ...(offers.length === 0 ? [] : [`offer ${few(offers)}`]), ...told];
}

function showNews(news: UpdateNews): string {
  if (news.kind === 'accepted' || news.kind === 'moved') return `${news.updateId} ${news.kind}`;
  if (news.kind === 'refused') return `${news.updateId} refused ${news.error.reason}: ${news.error.message}`;
  const { outcome } = news.outcome;
  return `${news.updateId} ${outcome?.$case ?? 'nothing'}${showFields({ value: outcome?.value })}`;
}

function few(items: readonly string[]): string {
  return items.length <= SHOWN ? items.join(', ') : `${items.slice(0, 2).join(', ')} … ${items.at(-1)} (${items.length})`;
}

/** What the run needs next, when it is something else than after the line before. */
function leftOf(session: Session): string[] {
  const { state, now } = session.run;
  const { workflowTask, activityTasks, timers, effects } = outstanding(state, now);
  const waits = [
    ...(state.live.flight === undefined ? [] : ['task out']),
    ...(workflowTask ? ['task'] : []),
    ...activityTasks.map((number) => `activity ${number}`),
    ...[...state.activities.values()].filter(({ startedAt }) => startedAt > 0).map(({ number }) => `activity ${number} out`),
    ...timers.map((number) => `timer ${number}`),
    ...effects.map(({ kind, eventId, target }) => `${kind} ${eventId} to ${target}`),
  ];
  const wake = wakeAt(state, now, RETENTION_MS);
  const left = `left: ${waits.length === 0 ? 'nothing' : few(waits)}; next ${clock(nextDue(state))}; wake ${wake === 0 ? 'now' : clock(wake ?? Number.POSITIVE_INFINITY)}`;
  if (left === session.left) return [];
  session.left = left;
  return [left];
}

function startOf({ options }: Words): StartInput {
  const ms = (name: string): number => (options[name] === undefined ? 0 : durationOf(options[name]));
  return {
    namespaceId: '00000000-0000-7000-8000-000000000001',
    workflowId: 'order-7',
    workflowType: options.type ?? 'order',
    taskQueue: options.queue ?? 'main',
    input: options.input === undefined ? [] : [payloadOf(options.input)],
    header: headerOf(options),
    requestId: options.request ?? '',
    identity: '',
    conflictPolicy: 1,
    reusePolicy: 1,
    runTimeoutMs: ms('run'),
    executionTimeoutMs: ms('execution'),
    taskTimeoutMs: options.task === undefined ? 10_000 : ms('task'),
    startDelayMs: ms('delay'),
    retryPolicy: retryPolicyOf(options),
    cronSchedule: options.cron?.replaceAll('_', ' ') ?? '',
    parent: options.parent === undefined ? undefined : { workflowId: options.parent, runId: 'parent-run', scheduledEventId: 3n, number: 1 },
    root: options.parent === undefined ? undefined : { workflowId: 'top', runId: 'top-run' },
    memo: memoOf(options),
    searchAttributes: searchAttributesOf(options),
    retentionMs: RETENTION_MS,
  };
}

function updateOf({ plain, options }: Words): UpdateInput {
  const args = options.input === undefined ? [] : [payloadOf(options.input)];
  const request = { updateId: plain[0] ?? 'u1', updateName: options.name ?? 'set', args, header: undefined, identity: '' };
  return { request, bytes: args.reduce((sum, { data }) => sum + data.length, 0) };
}

function signalOf({ plain, options }: Words, requestId = ''): SignalInput {
  const input = options.input === undefined ? [] : [payloadOf(options.input)];
  return { signalName: plain[0] ?? 'go', input, header: undefined, requestId: options.request ?? requestId, identity: '' };
}

function showFlight(session: Session, flight: Flight | undefined): string[] {
  if (flight === undefined) return ['gone'];
  const known = [...session.tasks].find(([name, { nonce }]) => name !== 't' && nonce === flight.nonce)?.[0];
  const name = known ?? `t${session.tasks.size === 0 ? 1 : session.tasks.size}`;
  const token = WorkflowTaskToken.create({ nonce: flight.nonce, baseEventId: BigInt(flight.base), seenEventId: BigInt(flight.seen) });
  session.tasks.set('t', token).set(name, token);
  const { base, seen, startedAt, suggested, updates } = flight;
  const asked = updates.length === 0 ? '' : ` updates=${updates.map(({ updateId }) => updateId).join(',')}`;
  return [`task ${name} base=${base} seen=${seen} started=${clock(startedAt)}${suggested ? ' continue-as-new suggested' : ''}${asked}`];
}

function showAttempt(session: Session, activity: Activity | undefined, by: string): string[] {
  if (activity === undefined) return ['gone'];
  const { number, attempt, startNumber, heartbeatDetails } = activity;
  const name = `${number}.${attempt}.${startNumber}`;
  const facts = followUpFacts(session.run.state, worker(by));
  const token = ActivityTaskToken.create({ number, attempt, startNumber, ...facts });
  session.activities.set(String(number), token).set(name, token);
  const details = heartbeatDetails === undefined ? '' : ` details=${showPayload(heartbeatDetails)}`;
  const followUp = facts.baseEventId === 0n ? '' : ` follow-up base=${facts.baseEventId} end=${facts.endEventId}`;
  return [`activity ${name}${details}${followUp}`];
}

function taskToken(session: Session, { options }: Words): WorkflowTaskToken {
  const token = session.tasks.get(options.token ?? 't');
  return token ?? WorkflowTaskToken.create({ nonce: 'never given' });
}

/** `1` is the newest token of activity 1; `1.2.1` names one exactly, known or not. */
function activityToken(session: Session, { plain }: Words): ActivityTaskToken {
  const name = plain[0] ?? '';
  const [number = 0, attempt = 1, startNumber = 1] = name.split('.').map(Number);
  return session.activities.get(name) ?? ActivityTaskToken.create({ number, attempt, startNumber });
}

function completeActivity(session: Session, words: Words, outcome: ActivityTaskCompletion['outcome'], followUp?: FollowUpInput): string[] {
  const input = { token: activityToken(session, words), outcome, worker: worker(words.options.worker ?? 'w1'), followUp };
  return give(session, 'completeActivity', input, (answer) => {
    if (followUp === undefined) return [];
    return [answer === undefined ? 'left out' : `completed ${answer.completedEventId}`];
  });
}

/** A success whose run has gone on already; `at` is how far the code's clock is behind the service's. */
function followUp(session: Session, words: Words, line: string): string[] {
  const [head = '', commands = ''] = line.split(' : ');
  const { plain } = wordsOf(head);
  const outcome: ActivityTaskCompletion['outcome'] = plain.includes('failed')
    ? { $case: 'failed', value: failureOf(words) }
    : { $case: 'completed', value: { result: undefined } };
  const behind = words.options.behind === undefined ? 0 : durationOf(words.options.behind);
  const ahead = words.options.ahead === undefined ? 0 : durationOf(words.options.ahead);
  return completeActivity(session, words, outcome, {
    startedAt: session.run.now - behind + ahead,
    completion: completionOf(commands),
  });
}

function endById(session: Session, activityId = '', outcome: ActivityTaskCompletion['outcome']): string[] {
  return give(session, 'completeActivity', { token: { activityId }, outcome, worker: worker('w9') });
}

function operate(session: Session, words: Words): string[] {
  return give(session, 'operateActivity', { activityId: words.plain[0] ?? '', change: changeOf(words) });
}

function claimId(session: Session, { options }: Words): string {
  session.claims += 1;
  return options.claim ?? `c${session.claims}`;
}

/** The text behind the first word and the options that belong to the input. */
function commandsIn(line: string): string {
  return line.replace(/^\S+/, '').replace(/ (?:token|worker)=\S+/g, '');
}

function closingOf(kind: string, words: Words): HistoryEvent['attributes'] {
  const completedEventId = 2n;
  switch (kind) {
    case 'failed':
      return { $case: 'workflowFailed', value: { completedEventId, failure: failureOf(words), newRunId: '', retryState: 0 } };
    case 'timed-out':
      return { $case: 'workflowTimedOut', value: { timeoutType: TimeoutType.RUN, newRunId: '', retryState: 0 } };
    case 'canceled':
      return { $case: 'workflowCanceled', value: { completedEventId, details: [payloadOf('why')] } };
    case 'terminated':
      return {
        $case: 'workflowTerminated',
        value: { reason: 'enough', details: [], identity: 'w', requestId: '', newRunId: '', keptEventId: 0n },
      };
    default:
      return { $case: 'workflowCompleted', value: { completedEventId, result: payloadOf('done'), newRunId: '' } };
  }
}

function advance(session: Session, words: Words): string[] {
  session.run.now += durationOf(words.plain[0] ?? '');
  return give(session, 'due', undefined);
}

/** `event=5`, `first`, `last`, `failed`, `step=id`, `type=pay n=2`, `build=b1`; with `exclude=signals`, `exclude=updates` and `drop`. */
function forkOf(session: Session, { plain, options }: Words): string[] {
  const step = { activityId: options.step ?? '', activityType: options.type ?? '', occurrence: Number(options.n ?? 0) };
  const places = { first: ResetPoint.FIRST_TASK, last: ResetPoint.LAST_TASK, failed: ResetPoint.LAST_FAILED_STEP } as const;
  const at = Object.entries(places).find(([name]) => plain.includes(name))?.[1];
  const point: ForkPoint =
    at !== undefined
      ? { $case: 'at', value: at }
      : options.event !== undefined
        ? { $case: 'eventId', value: BigInt(options.event) }
        : options.build !== undefined
          ? { $case: 'buildId', value: options.build }
          : { $case: 'step', value: step };
  const excluded = { signals: [ReapplyKind.SIGNALS], updates: [ReapplyKind.UPDATES] }[options.exclude ?? ''] ?? [];
  try {
    const { plan, run, transition } = forkRun(session.run, { point, excluded, dropResults: plain.includes('drop') }, options.request);
    session.run = run;
    session.tasks.clear();
    session.activities.clear();
    return [`copy of ${plan.kept} events`, ...written(transition)];
  } catch (error) {
    if (!(error instanceof PerdureError)) throw error;
    return [`refused ${error.reason}: ${error.message}`];
  }
}

function holdOf({ reason = '', request = '' }: Words['options']): PauseInput {
  return { reason, identity: '', requestId: request };
}

const inputs: Record<string, Handler> = {
  'next-run'(session) {
    if (session.next === undefined) throw new Error('no run follows');
    session.next.now = Math.max(session.next.now, session.run.now);
    session.run = session.next;
    session.next = undefined;
    return [];
  },
  start: (session, words) => give(session, 'start', startOf(words)),
  signal: (session, words) => give(session, 'signal', signalOf(words)),
  /** One step: `start-with signal go`, `start-with update u1`. */
  'start-with'(session, words) {
    const rest = { ...words, plain: words.plain.slice(1) };
    const start = startOf(words);
    const isSignal = words.plain[0] === 'signal';
    return give(session, 'start', isSignal ? { ...start, signal: signalOf(rest) } : { ...start, update: updateOf(rest) });
  },
  update: (session, words) =>
    give(session, 'update', updateOf(words), (at) => [at.kind === 'pending' ? 'pending' : `${at.kind} ${at.eventId}`]),
  'forget-update': (session, { plain }) => give(session, 'forgetUpdate', { updateId: plain[0] ?? '' }),
  'request-cancel': (session, { options }) =>
    give(session, 'requestCancel', { reason: options.reason ?? '', identity: '', requestId: options.request ?? '' }),
  terminate(session, { options }) {
    const fork = options.fork === undefined ? {} : { fork: { runId: 'run-1f', kept: Number(options.fork) } };
    return give(session, 'terminate', {
      reason: options.reason ?? '',
      details: [],
      identity: '',
      requestId: options.request ?? '',
      ...fork,
    });
  },
  fork: forkOf,
  delete: (session, { options }) => give(session, 'delete', { reason: options.reason ?? '', identity: '' }),
  pause: (session, { options }) => give(session, 'pause', holdOf(options)),
  resume: (session, { options }) => give(session, 'resume', holdOf(options)),
  'claim-task'(session, words) {
    const committedEventId = Number(words.options.committed ?? session.run.state.nextEventId - 1);
    const input = { claimId: claimId(session, words), worker: worker(words.options.worker ?? 'w1'), committedEventId };
    return give(session, 'claimTask', input, (flight) => showFlight(session, flight));
  },
  'undo-task': (session, { options }) =>
    give(
      session,
      'undoTask',
      options.claim === undefined ? { nonce: taskToken(session, { word: '', plain: [], options }).nonce } : { claimId: options.claim },
    ),
  'complete-task'(session, words, line) {
    const input = {
      token: taskToken(session, words),
      completion: completionOf(commandsIn(line)),
      worker: worker(words.options.worker ?? 'w1'),
      signals: loggedSignals(session.run),
    };
    return give(session, 'completeTask', input, ({ completedEventId, prolonged }) => [
      prolonged ? 'prolonged' : `completed ${completedEventId}`,
    ]);
  },
  'fail-task'(session, words) {
    const name = (words.plain[0] ?? 'workflow-error').toUpperCase().replaceAll('-', '_') as keyof typeof WorkflowTaskFailureCause;
    const rest = { ...words, plain: words.plain.slice(1) };
    return give(session, 'failTask', { token: taskToken(session, words), cause: WorkflowTaskFailureCause[name], failure: failureOf(rest) });
  },
  'claim-activity'(session, words) {
    const number = Number(words.plain[0]);
    const attempt = Number(words.options.attempt ?? session.run.state.activities.get(number)?.attempt ?? 1);
    const { queue, worker: by = 'w1' } = words.options;
    const input = { number, attempt, claimId: claimId(session, words), worker: worker(by), ...(queue === undefined ? {} : { queue }) };
    return give(session, 'claimActivity', input, (activity) => showAttempt(session, activity, words.options.worker ?? 'w1'));
  },
  'undo-activity': (session, { plain, options }) =>
    give(session, 'undoActivity', { number: Number(plain[0]), claimId: options.claim ?? '', unsent: plain.includes('unsent') }),
  'return-activity': (session, words) =>
    give(session, 'returnActivity', { token: activityToken(session, words), begun: words.plain.includes('begun') }),
  'complete-activity': (session, words) =>
    completeActivity(session, words, {
      $case: 'completed',
      value: { result: words.plain[1] === undefined ? undefined : payloadOf(words.plain[1]) },
    }),
  'follow-up': followUp,
  'fail-activity': (session, words) => completeActivity(session, words, { $case: 'failed', value: failureOf(words) }),
  'cancel-activity': (session, words) =>
    completeActivity(session, words, { $case: 'canceled', value: { details: words.plain.slice(1).map(payloadOf) } }),
  'end-activity': (session, words) => completeActivity(session, words, undefined),
  heartbeat(session, words) {
    const details = words.plain[1] === undefined ? undefined : payloadOf(words.plain[1]);
    const input = { token: activityToken(session, words), details, worker: worker(words.options.worker ?? 'w1') };
    return give(session, 'heartbeat', input, showHeartbeat);
  },
  'heartbeat-id'(session, { plain }) {
    const details = plain[1] === undefined ? undefined : payloadOf(plain[1]);
    return give(session, 'heartbeat', { token: { activityId: plain[0] ?? '' }, details, worker: worker('w9') }, showHeartbeat);
  },
  'complete-id': (session, { plain }) => endById(session, plain[0], { $case: 'completed', value: { result: payloadOf(plain[1] ?? '') } }),
  'fail-id': (session, words) => endById(session, words.plain[0], { $case: 'failed', value: failureOf(words) }),
  'cancel-id': (session, { plain }) => endById(session, plain[0], { $case: 'canceled', value: { details: [] } }),
  'pause-activity': operate,
  'resume-activity': operate,
  'reset-activity': operate,
  'change-activity': operate,
  advance,
  /** The clock moves, and the owner has not noticed yet. */
  pass(session, { plain }) {
    session.run.now += durationOf(plain[0] ?? '');
    return [];
  },
  'new-worker': (session) => give(session, 'newWorker', undefined),
  flush(session) {
    const before = session.run.log.length;
    flush(session.run);
    return session.run.log.slice(before).flatMap(({ marks }) => Marks.decode(marks).marks.map((mark) => `mark ${showMark(mark)}`));
  },
  reload: (session, { plain }) => written(reload(session.run, plain.includes('same'))),
  /** `answer 3 run-7`, or `answer 3 failed=WORKFLOW_NOT_FOUND`; the number is that of the event that asked. `kind=` names an effect that is gone. */
  answer(session, { plain, options }) {
    const eventId = Number(plain[0]);
    const known = session.run.state.effects?.get(eventId);
    const kind = (options.kind ?? known?.kind ?? 'startChild') as Effect['kind'];
    const effect: Effect = { kind, eventId, after: eventId, number: known?.number ?? 0, target: '' };
    const { failed } = options;
    const answer: EffectAnswer =
      failed === undefined ? { ok: true, runId: plain[1] ?? '' } : { ok: false, reason: failed, message: 'refused' };
    return give(session, 'answerEffect', { effect, answer });
  },
  /** `child-closed 1 completed event=3`: the end of a child's chain is told. */
  'child-closed'(session, words) {
    const { plain, options } = words;
    const number = Number(plain[0]);
    const scheduledEventId = Number(options.event ?? session.run.state.children?.get(number)?.scheduledEventId ?? 0);
    const originRunId = options.origin ?? session.run.state.originRunId;
    return give(session, 'childClosed', {
      originRunId,
      scheduledEventId,
      number,
      firstRunId: 'first-run',
      runId: 'last-run',
      closing: closingOf(plain[1] ?? 'completed', words),
    });
  },
  'write-details': (session) => give(session, 'writeDetails', undefined),
  /** The state goes through a checkpoint. */
  checkpoint(session) {
    const read = readCheckpoint(writeCheckpoint(session.run.state), session.run.now);
    if (read === undefined) return ['not a checkpoint'];
    session.run.state = read;
    return give(session, 'due', undefined);
  },
  /** Inputs that only lead to where the script begins. */
  given(session, _words, line) {
    const rest = line.replace(/^given /, '');
    for (const each of rest.startsWith('times ') ? [rest] : rest.split(' then ')) {
      const refused = runLine(session, each).find((out) => out.startsWith('refused') || out === 'gone');
      if (refused !== undefined) throw new Error(`${each}: ${refused}`);
    }
    return [];
  },
  /** An input many times: only what the last one does is printed. */
  times(session, _words, line) {
    const [, count = '0', rest = ''] = /^times (\d+) (.*)$/.exec(line) ?? [];
    let last: string[] = [];
    for (let n = 0; n < Number(count); n += 1)
      last = rest.split(' then ').flatMap((each) => (inputs[wordsOf(each).word] as Handler)(session, wordsOf(each), each));
    return last;
  },
  show(session, { plain }) {
    const view = views[plain[0] ?? ''];
    if (view === undefined) throw new Error(`nothing to show: ${plain[0]}`);
    return view(session.run.state, Number(plain[1]));
  },
};
