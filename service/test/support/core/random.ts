// Random runs: inputs drawn by fast-check, made to fit the state, so that most of them do something.
import type { Command } from '@perdure/proto/perdure/api/v1/command';
import { Failure } from '@perdure/proto/perdure/api/v1/failure';
import { ReapplyKind, ResetPoint } from '@perdure/proto/perdure/api/v1/fork';
import { type ActivityTaskCompletion, WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import { ContinueAsNewCommand } from '@perdure/proto/perdure/api/v1/workflow';
import { ActivityTaskToken, WorkflowTaskToken } from '@perdure/proto/perdure/server/v1/token';
import { expect } from 'vitest';
import type { ActivityChange } from '../../../src/core/activity-operators.ts';
import { followUpFacts } from '../../../src/core/follow-up.ts';
import type { ForkPoint } from '../../../src/core/fork-plan.ts';
import { nextDue } from '../../../src/core/outstanding.ts';
import { isOpen } from '../../../src/core/state.ts';
import type { InputKind, Inputs } from '../../../src/core/step.ts';
import { toDuration } from '../../../src/core/time.ts';
import { isTaskDue } from '../../../src/core/workflow-task.ts';
import { type Checked, forkChecked, reloadChecked, stepChecked } from './checks.ts';
import { payloadOf } from './commands.ts';
import { answerOf, noticeOf, outsideCommandOf } from './effects.ts';
import { flush, loggedSignals, worker } from './run.ts';

/** One draw: what to do, and two numbers that say with what. */
export interface Draw {
  readonly kind: keyof typeof moves;
  readonly a: number;
  readonly b: number;
}

const w1 = worker('w1');

function input<K extends InputKind>(
  run: Checked,
  kind: K,
  value: Inputs[K][0],
  completing?: WorkflowTaskCompletion,
): Inputs[K][1] | undefined {
  return stepChecked(run, kind, value, completing);
}

/** The token of the task that is out, or of an older one. */
function taskToken(run: Checked, a: number): WorkflowTaskToken {
  const nonces = [...run.nonces];
  const nonce = a % 8 === 0 ? nonces[a % nonces.length] : nonces.at(-1);
  return WorkflowTaskToken.create({ nonce: nonce ?? 'none' });
}

function activityToken(run: Checked, a: number): ActivityTaskToken {
  const tokens = run.handedOut;
  const current = tokens.filter(({ number, attempt }) => run.run.state.activities.get(number)?.attempt === attempt);
  const from = a % 8 === 0 || current.length === 0 ? tokens : current;
  return from[a % Math.max(1, from.length)] ?? ActivityTaskToken.create({ number: 1, attempt: 1, startNumber: 1 });
}

const durations = [1, 500, 1_000, 3_000, 10_000, 60_000, 600_000];
const durationOf = (n: number): number => durations[n % durations.length] as number;

function commandsOf(run: Checked, a: number, b: number): Command[] {
  const { lastActivity, lastTimer, lastChild, lastExternal } = run.run.state;
  const last = { activity: lastActivity, timer: lastTimer, child: lastChild, external: lastExternal };
  return Array.from({ length: b % 5 }, (_, n) => {
    const drawn = Math.floor(a / 3 ** n) + n;
    const pick = (a + b + n * 7) % 9;
    return { attributes: pick > 5 ? outsideCommandOf(last, drawn) : commandOf(last, drawn, pick) };
  });
}

/** A command of the kind `pick`, with figures drawn from `n`; `last` counts the steps used so far. */
function commandOf(last: { activity: number; timer: number }, n: number, pick: number): Command['attributes'] {
  const number = 1 + (n % Math.max(1, last.timer, last.activity));
  if (pick === 3 && number <= last.timer) return { $case: 'cancelTimer', value: { number } };
  if (pick === 4 && number <= last.activity) return { $case: 'cancelActivity', value: { number } };
  if (pick === 5 && n % 3 === 0) {
    const patch = { patchId: 'p', deprecated: n % 2 === 0 };
    return { $case: 'recordMarker', value: { marker: { $case: 'patch', value: patch }, callSite: '' } };
  }
  if (pick === 5) return { $case: 'upsertProperties', value: { memo: { a: payloadOf(n % 2 === 0 ? 'x' : '-') }, searchAttributes: {} } };
  if (pick === 2) {
    last.timer += 1;
    return { $case: 'startTimer', value: { number: last.timer, duration: toDuration(durationOf(n)), callSite: '' } };
  }
  last.activity += 1;
  return scheduleOf(last.activity, n);
}

function scheduleOf(number: number, n: number): NonNullable<Command['attributes']> {
  const limit = (bit: number): ReturnType<typeof toDuration> => ((n >> bit) % 2 === 0 ? undefined : toDuration(durationOf(n + bit)));
  const retryPolicy = {
    initialInterval: toDuration(durationOf(n)),
    backoffCoefficient: 1 + (n % 3),
    maximumInterval: undefined,
    maximumAttempts: n % 4,
    nonRetryableErrorTypes: ['Fatal'],
  };
  return {
    $case: 'scheduleActivity',
    value: {
      number,
      activityId: '',
      activityType: 'pay',
      taskQueue: '',
      input: [],
      header: undefined,
      scheduleToCloseTimeout: limit(1),
      scheduleToStartTimeout: limit(2),
      startToCloseTimeout: toDuration(durationOf(n + 3)),
      heartbeatTimeout: limit(3),
      retryPolicy: n % 2 === 0 ? undefined : retryPolicy,
      callSite: '',
    },
  };
}

function continueOf(run: Checked, a: number): Command {
  const signals = [...loggedSignals(run.run).keys()].filter((id) => id <= (run.run.state.live.flight?.seen ?? 0));
  const value = ContinueAsNewCommand.create({ input: [payloadOf('more')], carry: a % 2 === 0 ? [] : signals.map(BigInt) });
  return { attributes: { $case: 'continueAsNew', value } };
}

function closingOf(run: Checked, a: number): Command {
  if (a % 4 === 3) return continueOf(run, a >> 2);
  if (a % 3 !== 1 && run.run.state.cancelRequested) return { attributes: { $case: 'cancelWorkflow', value: { details: [] } } };
  if (a % 3 === 1) return { attributes: { $case: 'failWorkflow', value: { failure: Failure.create({ message: 'broken' }) } } };
  return { attributes: { $case: 'completeWorkflow', value: { result: payloadOf('done') } } };
}

function completionOf(run: Checked, a: number, b: number): WorkflowTaskCompletion {
  const completion = WorkflowTaskCompletion.create({ commands: commandsOf(run, a, b) });
  if (b % 16 === 0) completion.commands.push(closingOf(run, a));
  if (a % 7 === 0) completion.variables = { v: payloadOf(a % 2 === 0 ? 'x' : '-') };
  decideUpdates(run, completion, a, b);
  completion.forceNewTask = a % 5 === 0;
  completion.waitingForHandlers = a % 11 === 0;
  completion.sticky = a % 2 === 0;
  return completion;
}

/** Each update of the task is accepted, rejected or left out; some that run are completed. Before a closing command. */
function decideUpdates({ run: { state } }: Checked, completion: WorkflowTaskCompletion, a: number, b: number): void {
  const decided: Command[] = [];
  const running = [...(state.updates ?? [])].filter(([, { completedEventId }]) => completedEventId === 0).map(([updateId]) => updateId);
  for (const [n, { updateId }] of (state.live.flight?.updates ?? []).entries()) {
    const pick = (a + n) % 4;
    if (pick === 3) completion.rejectedUpdates.push({ updateId, failure: Failure.create({ message: 'no' }) });
    if (pick === 0 || pick === 1) decided.push({ attributes: { $case: 'acceptUpdate', value: { updateId } } });
    if (pick === 0) running.push(updateId);
  }
  const outcome = { $case: 'result' as const, value: payloadOf('ok') };
  for (const updateId of running.filter((_, n) => (b + n) % 3 === 0))
    decided.push({ attributes: { $case: 'completeUpdate', value: { updateId, outcome } } });
  completion.commands.unshift(...decided);
}

function complete(run: Checked, a: number, b: number): void {
  const completion = completionOf(run, a, b);
  input(run, 'completeTask', { token: taskToken(run, a), completion, worker: w1, signals: loggedSignals(run.run) }, completion);
}

/** Brings a run without activities to where it waits for one that is out: few draws do that by chance. */
function rest(run: Checked, a: number): void {
  const { activities, live, lastActivity } = run.run.state;
  if (activities.size > 0) return;
  if (live.flight === undefined) moves.claimTask(run);
  const commands = [{ attributes: scheduleOf(lastActivity + 1, a) }];
  const completion = WorkflowTaskCompletion.create({ commands, sticky: true });
  input(run, 'completeTask', { token: taskToken(run, 1), completion, worker: w1 }, completion);
  claimActivity(run, 0);
}

/** A success whose run has gone on already; at times another worker tells it, the clocks differ, or a command is wrong. */
function followUp(run: Checked, a: number, b: number): void {
  if (a % 4 === 0) rest(run, b);
  if (a % 8 === 0) return;
  const completion = completionOf(run, a, b);
  if (b % 16 === 5) completion.commands.push({ attributes: commandOf({ activity: 0, timer: -1 }, b, 2) });
  const behind = b % 8 === 1 ? durationOf(a) : b % 8 === 2 ? -durationOf(a) : 0;
  const outcome: ActivityTaskCompletion['outcome'] = { $case: 'completed', value: { result: payloadOf('paid') } };
  const told = { startedAt: run.run.now - behind, completion };
  const token = run.handedOut.findLast((one) => one.endEventId === BigInt(run.run.state.nextEventId)) ?? activityToken(run, a);
  const teller = b % 8 === 3 ? worker('w2') : w1;
  const taken = input(run, 'completeActivity', { token, outcome, worker: teller, followUp: told }, completion);
  if (teller !== w1) expect(taken).toBeUndefined();
}

function outcomeOf(b: number): ActivityTaskCompletion['outcome'] {
  if (b % 4 === 0) return { $case: 'completed', value: { result: payloadOf('paid') } };
  if (b % 4 === 1) return { $case: 'canceled', value: { details: [] } };
  const info: Failure['info'] = {
    $case: 'application',
    value: {
      type: b % 8 === 2 ? 'Fatal' : 'Down',
      nonRetryable: b % 16 === 3,
      details: [],
      nextRetryDelay: b % 16 === 6 ? toDuration(2_000) : undefined,
    },
  };
  return { $case: 'failed', value: Failure.create({ message: 'away', source: 'ts', info }) };
}

function claimActivity(run: Checked, a: number): void {
  const waiting = [...run.offeredActivities];
  const reference = waiting[a % Math.max(1, waiting.length)];
  if (reference === undefined) return;
  const [number = 0, attempt = 0] = reference.split('.').map(Number);
  run.claims += 1;
  run.offeredActivities.delete(reference);
  const activity = input(run, 'claimActivity', { number, attempt, claimId: `c${run.claims}`, worker: w1 });
  if (activity === undefined) return;
  const facts = followUpFacts(run.run.state, w1);
  run.handedOut.push(ActivityTaskToken.create({ number, attempt, startNumber: activity.startNumber, ...facts }));
}

function advance(run: Checked, a: number): void {
  const due = nextDue(run.run.state);
  if (a % 4 === 0 && Number.isFinite(due)) run.run.now = Math.max(run.run.now, due);
  else if (a % 4 === 1 && Number.isFinite(due)) run.run.now = Math.max(run.run.now, due - 1);
  else run.run.now += durationOf(a);
  input(run, 'due', undefined);
}

/** What can happen to a run. */
export const moves = {
  signal: (run: Checked, a: number) =>
    void input(run, 'signal', { signalName: 'go', input: [], header: undefined, requestId: a % 3 === 0 ? '' : `r${a % 9}`, identity: '' }),
  cancel: (run: Checked) => void input(run, 'requestCancel', { reason: '', identity: '', requestId: '' }),
  terminate: (run: Checked) => void input(run, 'terminate', { reason: '', details: [], identity: '', requestId: '' }),
  update(run: Checked, a: number) {
    run.asked = true;
    const request = { updateId: `u${a % 12}`, updateName: 'set', args: [], header: undefined, identity: '' };
    input(run, 'update', { request, bytes: a % 4 === 0 ? 800_000 : 10 });
  },
  forgetUpdate: (run: Checked, a: number) => void input(run, 'forgetUpdate', { updateId: `u${a % 12}` }),
  fork(run: Checked, a: number, b: number) {
    const at = [ResetPoint.FIRST_TASK, ResetPoint.LAST_TASK, ResetPoint.LAST_FAILED_STEP][a % 3] as ResetPoint;
    const step = { activityId: '', activityType: 'pay', occurrence: a % 4 };
    const eventId = BigInt(1 + (a % run.run.state.nextEventId));
    const points: ForkPoint[] = [
      { $case: 'at', value: at },
      { $case: 'step', value: step },
      { $case: 'eventId', value: eventId },
    ];
    const point = points[b % 3] as ForkPoint;
    forkChecked(run, {
      point,
      excluded: b % 5 === 0 ? [a % 2 === 0 ? ReapplyKind.SIGNALS : ReapplyKind.UPDATES] : [],
      dropResults: b % 7 === 0,
    });
  },
  delete: (run: Checked) => void input(run, 'delete', { reason: '', identity: '' }),
  pause: (run: Checked, a: number) => void input(run, 'pause', { reason: '', identity: '', requestId: a % 2 === 0 ? '' : `p${a % 9}` }),
  resume: (run: Checked, a: number) => void input(run, 'resume', { reason: '', identity: '', requestId: a % 2 === 0 ? '' : `p${a % 9}` }),
  claimTask(run: Checked) {
    if (!run.offeredTask) return;
    run.claims += 1;
    run.offeredTask = false;
    const committedEventId = run.run.state.nextEventId - 1;
    const flight = input(run, 'claimTask', { claimId: `c${run.claims}`, worker: w1, committedEventId });
    if (flight !== undefined) run.nonces.add(flight.nonce);
  },
  completeTask: complete,
  failTask: (run: Checked, a: number) =>
    void input(run, 'failTask', { token: taskToken(run, a), cause: 1, failure: Failure.create({ message: 'bug' }) }),
  undoTask: (run: Checked, a: number) => void input(run, 'undoTask', { nonce: taskToken(run, a).nonce }),
  claimActivity,
  endActivity: (run: Checked, a: number, b: number) =>
    void input(run, 'completeActivity', { token: activityToken(run, a), outcome: outcomeOf(b), worker: w1 }),
  followUp,
  heartbeat(run: Checked, a: number, b: number) {
    // Also when a minute has passed that the owner has not noticed.
    if (b % 4 === 0) run.run.now += 61_000;
    const details = b % 3 === 0 ? undefined : payloadOf(String(b));
    input(run, 'heartbeat', { token: activityToken(run, a), details, worker: w1 });
  },
  undoActivity(run: Checked, a: number) {
    const { number } = activityToken(run, a);
    const claimId = run.run.state.activities.get(number)?.claimId ?? '';
    input(run, 'undoActivity', { number, claimId, unsent: a % 3 === 0 });
  },
  returnActivity(run: Checked, a: number, b: number) {
    input(run, 'returnActivity', { token: activityToken(run, a), begun: b % 2 === 0 });
  },
  answerEffect(run: Checked, a: number, b: number) {
    const answer = answerOf(run.run.state, a, b);
    if (answer !== undefined) input(run, 'answerEffect', answer);
  },
  childClosed: (run: Checked, a: number, b: number) => void input(run, 'childClosed', noticeOf(run.run.state, a, b)),
  advance,
  back(run: Checked, a: number) {
    run.run.now -= 1 + (a % 2_000);
    run.clockSteppedBack = true;
    input(run, 'due', undefined);
  },
  writeDetails: (run: Checked) => void input(run, 'writeDetails', undefined),
  reload: (run: Checked) => reloadChecked(run),
  operate(run: Checked, a: number, b: number) {
    const open = [...run.run.state.activities.values()];
    const activityId = open[a % Math.max(1, open.length)]?.activityId ?? '1';
    input(run, 'operateActivity', { activityId, change: changeOf(b) });
  },
  /** By the activity's id, from anywhere, whatever attempt it is at. */
  byId(run: Checked, a: number, b: number) {
    const open = [...run.run.state.activities.values()];
    const activityId = open[a % Math.max(1, open.length)]?.activityId ?? '1';
    if (b % 3 === 0) input(run, 'heartbeat', { token: { activityId }, details: payloadOf(`beat ${b}`), worker: w1 });
    else input(run, 'completeActivity', { token: { activityId }, outcome: outcomeOf(b), worker: w1 });
  },
  flush: (run: Checked) => flush(run.run),
  newWorker: (run: Checked) => void input(run, 'newWorker', undefined),
} satisfies Record<string, (run: Checked, a: number, b: number) => void>;

export function move(run: Checked, { kind, a, b }: Draw): void {
  moves[kind](run, a, b);
}

function changeOf(n: number): ActivityChange {
  const flag = (bit: number): boolean => (n >> bit) % 2 === 1;
  const jitterMs = flag(5) ? durationOf(n) : 0;
  const identity = 'ann';
  if (n % 4 === 0) return { kind: 'pause', reason: '', identity };
  if (n % 4 === 1) return { kind: 'resume', jitterMs, identity };
  if (n % 4 === 2)
    return { kind: 'reset', jitterMs, resetHeartbeatDetails: flag(2), keepPaused: flag(3), restoreOptions: flag(4), identity };
  const limit = (bit: number): ReturnType<typeof toDuration> => (flag(bit) ? toDuration(durationOf(n + bit)) : undefined);
  const options = {
    taskQueue: flag(2) ? 'other' : '',
    scheduleToCloseTimeout: limit(3),
    scheduleToStartTimeout: limit(4),
    startToCloseTimeout: limit(5),
    heartbeatTimeout: limit(6),
    retryPolicy: undefined,
  };
  return { kind: 'options', options, restoreOriginal: flag(7), identity };
}

/** Lets a willing worker end the run: nothing that happened before may keep it from that. */
export function finish(run: Checked): void {
  input(run, 'resume', { reason: '', identity: '', requestId: '' });
  for (let tries = 0; tries < 20 && isOpen(run.run.state); tries += 1) {
    if (!isTaskDue(run.run.state)) moves.signal(run, 0);
    const { flight } = run.run.state.live;
    if (flight === undefined && !run.offeredTask) run.run.now = Math.max(run.run.now, run.run.state.task.notBefore);
    input(run, 'due', undefined);
    moves.claimTask(run);
    const completion = WorkflowTaskCompletion.create({ commands: [closingOf(run, 2)] });
    input(run, 'completeTask', { token: taskToken(run, 1), completion, worker: w1 }, completion);
  }
  expect(isOpen(run.run.state)).toBe(false);
}
