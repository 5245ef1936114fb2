// Ten planted mutants (conformance/mutation/planted/programs.yaml) make replay differ from what was live; this finds each within 50 programs.
//
// Random programs: whatever code a user may write, a run that stays cached, one whose cache is lost at random points and one that is replayed
// from its first event for every task ask for the same, task by task, and answer the same to queries.

import { WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { engineFor } from '../../test/support/engine.ts';
import { type Program, programs } from '../../test/support/programs.ts';
import { createRunLog, describeAnswer, type RunLog } from '../../test/support/run-log.ts';
import { answerSend, type ChildEnd, endChild, startChild, takeBackChildren } from '../../test/support/run-log-others.ts';
import { ApplicationFailure } from '../common/failure.ts';
import type { EngineAnswer, WorkflowEngine } from '../worker/engine.ts';

/** `PROGRAMS` and `PROGRAMS_SEED` in the environment change them; a failure prints its seed and the shrunk program. */
const COUNT = Number(process.env.PROGRAMS ?? 2_000);
const SEED = process.env.PROGRAMS_SEED === undefined ? {} : { seed: Number(process.env.PROGRAMS_SEED) };
const MOST_TASKS = 20;

let kept: WorkflowEngine;
let replaying: WorkflowEngine;
beforeAll(async () => {
  kept = await engineFor('programs.ts');
  replaying = await engineFor('programs.ts', { strict: true });
}, 30_000);
afterAll(async () => {
  await kept.close();
  await replaying.close();
});

/** What happens outside; `at` picks among open steps. */
interface Happening {
  readonly kind: 'one' | 'two' | 'update' | 'cancel' | 'fire' | 'complete' | 'fail' | 'canceled' | 'childStarts' | 'childEnds' | 'answer';
  readonly at: number;
}

interface Turn {
  readonly before: readonly Happening[];
  /** Arrive while the task is out: unseen by it. */
  readonly during: readonly Happening[];
  readonly evict: boolean;
  readonly query: boolean;
}

const happening: fc.Arbitrary<Happening> = fc.record({
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom('one' as const, 'two' as const) },
    { weight: 32, arbitrary: fc.constantFrom('fire' as const, 'complete' as const, 'complete' as const) },
    { weight: 6, arbitrary: fc.constant('update' as const) },
    { weight: 12, arbitrary: fc.constantFrom('childStarts' as const, 'childEnds' as const, 'answer' as const) },
    { weight: 8, arbitrary: fc.constantFrom('fail' as const, 'canceled' as const) },
    { weight: 1, arbitrary: fc.constant('cancel' as const) },
  ),
  at: fc.nat(20),
});

const turns: fc.Arbitrary<readonly Turn[]> = fc.array(
  fc.record({
    before: fc.array(happening, { minLength: 1, maxLength: 4 }),
    during: fc.array(happening, { maxLength: 2 }),
    evict: fc.nat(2).map((n) => n === 0),
    query: fc.nat(4).map((n) => n === 0),
  }),
  { minLength: 1, maxLength: 10 },
);

/** What was seen in all programs: races are told by the events of one task. */
const seen = new Map<string, number>();
function saw(what: string): void {
  seen.set(what, (seen.get(what) ?? 0) + 1);
}

/** Ids of updates are never used again. */
let updates = 0;
const ENDS: readonly ChildEnd[] = ['completed', 'completed', 'failed', 'canceled', 'terminated', 'timedOut', 'startFailed'];

function others(log: RunLog, kind: 'childStarts' | 'childEnds' | 'answer', at: number): void {
  const open = [...(kind === 'answer' ? log.openSends : log.openChildren).keys()];
  const number = open[at % Math.max(1, open.length)];
  if (number === undefined) return;
  if (kind === 'answer') answerSend(log, number, at % 3 > 0);
  else if (kind === 'childStarts') startChild(log, number);
  else endChild(log, number, ENDS[at % ENDS.length] as ChildEnd);
}

function happen(log: RunLog, { kind, at }: Happening): void {
  const open = kind === 'fire' ? log.openTimers : log.openActivities;
  const step = [...open][at % Math.max(1, open.size)];
  if (kind === 'cancel') log.cancel();
  else if (kind === 'update') log.update('change', `update-${++updates}`, at);
  else if (kind === 'childStarts' || kind === 'childEnds' || kind === 'answer') others(log, kind, at);
  else if (kind === 'one' || kind === 'two') log.signal(kind, at);
  else if (step === undefined) return;
  else if (kind === 'fire') log.fire(step);
  else if (kind === 'complete') log.completeActivity(step, `result ${step}`);
  else if (kind === 'fail') log.failActivity(step, ApplicationFailure.retryable(`failed ${step}`, 'Broken'));
  else log.cancelActivity(step);
}

const RESULTS =
  /^(activity(Completed|Failed|Canceled)|timerFired|childWorkflow(Started|StartFailed|Completed|Failed|Canceled|Terminated|TimedOut)|external\w+(Delivered|Failed))$/;

function countRaces(log: RunLog, from: bigint): void {
  const cases: string[] = log.events.filter(({ id }) => id > from).map(({ attributes }) => attributes?.$case ?? '');
  const has = (...some: string[]): boolean => some.some((one) => cases.includes(one));
  const results = cases.filter((one) => RESULTS.test(one));
  for (const one of results) if (/^(child|external)/.test(one)) saw(one);
  if (has('timerFired', 'activityCompleted') && results.some((one) => one.startsWith('child'))) saw('child and other result together');
  if (results.length > 1) saw('results together');
  if (has('workflowSignaled') && results.length > 0) saw('signal and result together');
  if (has('timerFired') && results.some((one) => one !== 'timerFired')) saw('timer and activity together');
  if (has('workflowCancelRequested') && results.length > 0) saw('cancel request and result together');
  if (cases.filter((one) => one === 'workflowSignaled').length > 1) saw('signals together');
}

async function ask(engine: WorkflowEngine, log: RunLog): Promise<unknown> {
  try {
    return await log.query(engine, 'traced');
  } catch (error) {
    return String(error);
  }
}

function completionOf(answer: EngineAnswer): WorkflowTaskCompletion {
  if (answer.kind !== 'completed') throw new Error(describeAnswer(answer));
  return answer.completion;
}

async function oneTask(log: RunLog, turn: Turn): Promise<void> {
  const sticky = log.task();
  const full = log.task({ full: true });
  countRaces(log, sticky.historyFromEventId - 1n);
  for (const what of turn.during) happen(log, what);
  const refuse = turn.during.some(({ kind }) => kind === 'one' || kind === 'two' || kind === 'cancel');
  let left = await kept.activate(sticky);
  if (left.kind === 'needHistory') left = await kept.activate(full);
  else saw('went on from the cache');
  replaying.evict(log.runId);
  const right = completionOf(await replaying.activate(full));
  const completion = completionOf(left);
  expect(right).toEqual(completion);
  expect(WorkflowTaskCompletion.encode(right).finish()).toEqual(WorkflowTaskCompletion.encode(completion).finish());
  for (const { attributes } of completion.commands) {
    saw(attributes?.$case === 'recordMarker' ? `marker ${attributes.value.marker?.$case}` : (attributes?.$case ?? ''));
  }
  if (completion.rejectedUpdates.length > 0) saw('update rejected');
  if (full.updates.length > 0 && log.events.length > Number(sticky.historyFromEventId)) saw('update and events together');
  const last = completion.commands.at(-1)?.attributes;
  if (last?.$case === 'continueAsNew' && last.value.carry.length > 0) saw('signals carried');
  // What the task had not seen moves along.
  if (!completion.sticky && refuse && last?.$case !== 'continueAsNew') {
    saw('close refused');
    kept.evict(log.runId);
    return;
  }
  const id = log.settle(completion, full);
  if (id === 0n) saw('nothing but rejected updates');
  else for (let taken = takeBackChildren(log, completion); taken > 0; taken -= 1) saw('child taken back');
  kept.committed(log.runId, id, log.closed);
  if (turn.evict) kept.evict(log.runId);
  if (turn.query && !log.closed) {
    saw('query');
    expect(await ask(kept, log)).toEqual(await ask(replaying, log));
  }
}

/** Ends every open step, so that most programs come to their end. */
function endOpenSteps(log: RunLog): void {
  for (const timer of [...log.openTimers]) log.fire(timer);
  for (const activity of [...log.openActivities]) log.completeActivity(activity, `result ${activity}`);
  for (const child of [...log.openChildren.keys()]) endChild(log, child, ENDS[child % ENDS.length] as ChildEnd);
  for (const request of [...log.openSends.keys()]) answerSend(log, request, true);
  log.signal('one', 1);
}

function countStatements(program: Program): void {
  for (const statement of program) {
    saw(`do ${statement.do}`);
    if ('body' in statement) countStatements(statement.body);
    if ('rescue' in statement) countStatements(statement.rescue);
    if ('before' in statement) countStatements(statement.before);
    if ('beside' in statement) countStatements(statement.beside);
    if ('branches' in statement) for (const branch of statement.branches) countStatements(branch);
  }
}

async function play(program: Program, script: readonly Turn[]): Promise<void> {
  const log = createRunLog('interpret', [program]);
  countStatements(program);
  for (const turn of script) {
    await oneTask(log, turn);
    if (log.closed) break;
    for (const what of turn.before) happen(log, what);
  }
  // A program that waits for a signal it has no handler for, or for more than ever come, waits for ever.
  for (let idle = 0, task = 0; !log.closed && task < MOST_TASKS && idle < 3; task += 1) {
    await oneTask(log, { before: [], during: [], evict: false, query: false });
    const open = log.openTimers.size + log.openActivities.size + log.openChildren.size + log.openSends.size;
    idle = open === 0 ? idle + 1 : 0;
    if (!log.closed) endOpenSteps(log);
  }
  saw(log.closed ? `closed by ${log.events.at(-1)?.attributes?.$case}` : 'still open');
  kept.evict(log.runId);
  replaying.evict(log.runId);
}

/** Per 2 000 programs; asked of 1 000 and more, for fewer chance is too large. */
const AT_LEAST: Readonly<Record<string, number>> = {
  ...{ scheduleActivity: 5_000, cancelActivity: 150, startTimer: 4_000, cancelTimer: 1_000 },
  ...{ scheduleChildWorkflow: 2_000, cancelChildWorkflow: 50, signalExternal: 800, cancelExternal: 300 },
  ...{ childWorkflowStarted: 2_000, childWorkflowCompleted: 1_000, childWorkflowFailed: 100, childWorkflowCanceled: 100 },
  ...{ childWorkflowTerminated: 50, childWorkflowTimedOut: 50, childWorkflowStartFailed: 30, 'child taken back': 5 },
  ...{ externalSignalDelivered: 500, externalSignalFailed: 15, externalCancelDelivered: 200, externalCancelFailed: 10 },
  ...{
    acceptUpdate: 100,
    completeUpdate: 100,
    'update rejected': 500,
    'nothing but rejected updates': 150,
    'update and events together': 500,
  },
  ...{ 'marker patch': 200, 'marker sideEffect': 700, upsertProperties: 250, query: 500 },
  ...{ continueAsNew: 50, 'signals carried': 20, completeWorkflow: 150, failWorkflow: 200, cancelWorkflow: 150, 'close refused': 50 },
  ...{ 'do race': 600, 'do all': 600, 'do handle': 1_200, 'do limit': 400, 'do cancelAfter': 800, 'do scope': 800, 'do try': 800 },
  ...{ 'results together': 3_000, 'signal and result together': 4_000, 'timer and activity together': 1_200, 'signals together': 300 },
  ...{ 'cancel request and result together': 80, 'child and other result together': 1_000, 'went on from the cache': 6_000 },
};

test('R-REPLAY-1: random programs ask for the same from the cache and from the log', { timeout: 300_000 }, async () => {
  await fc.assert(fc.asyncProperty(programs, turns, play), { numRuns: COUNT, ...SEED });
  const histogram = [...seen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, count]) => `${String(count).padStart(7)} ${what}`);
  if (process.env.PROGRAMS !== undefined) console.log(histogram.join('\n'));
  const asked = COUNT < 1_000 ? [] : Object.entries(AT_LEAST);
  const few = asked.filter(([what, least]) => (seen.get(what) ?? 0) < (least * COUNT) / 2_000);
  expect(few.map(([what, least]) => `${what}: ${seen.get(what) ?? 0} of ${least}`)).toEqual([]);
});
