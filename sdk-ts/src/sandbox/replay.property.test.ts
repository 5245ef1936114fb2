// Live equals replay: random scripts of signals, results and cancel requests; a run that stays cached and one that is replayed for every task
// must ask for the same commands, byte for byte. Where the service would allow it, some turns are follow-ups.

import type { HistoryEvent } from '@perdure/proto/perdure/api/v1/event';
import { WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { engineFor } from '../../test/support/engine.ts';
import { createRunLog, describeAnswer, type RunLog } from '../../test/support/run-log.ts';
import { activityTask } from '../../test/support/tasks.ts';
import { ApplicationFailure } from '../common/failure.ts';
import { defaultPayloadConverter, encodeValue } from '../common/payload-converter.ts';
import type { WorkflowEngine } from '../worker/engine.ts';
import { followUpTask } from '../worker/follow-up.ts';

let cached: WorkflowEngine;
let replaying: WorkflowEngine;
beforeAll(async () => {
  cached = await engineFor('scripted.ts');
  replaying = await engineFor('scripted.ts', { strict: true });
}, 20_000);
afterAll(async () => {
  await cached.close();
  await replaying.close();
});

/** What happens outside, between tasks and while one is out. `at` picks among open steps. */
type Happening =
  | { kind: 'signal'; name: 'add' | 'late'; n: number }
  | { kind: 'cancel' }
  | { kind: 'fire' | 'complete' | 'fail' | 'canceled'; at: number };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('signal' as const), name: fc.constantFrom('add' as const, 'late' as const), n: fc.nat(9) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'cancel' as const }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('fire' as const, 'complete' as const, 'complete' as const, 'fail' as const),
      at: fc.nat(20),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('canceled' as const), at: fc.nat(20) }) },
);

interface Turn {
  before: Happening[];
  /** Arrive while the task is out: unseen by it. */
  during: Happening[];
  evict: boolean;
  /** Ms that the activity takes, if its end brings a follow-up. */
  followUp: number | undefined;
}

const turn: fc.Arbitrary<Turn> = fc.record({
  before: fc.array(happening, { minLength: 1, maxLength: 4 }),
  during: fc.array(happening, { maxLength: 2 }),
  evict: fc.nat(2).map((n) => n === 0),
  followUp: fc.option(fc.double({ min: 0, max: 8, noNaN: true }), { nil: undefined, freq: 3 }),
});

/** Applies what is possible; answers whether it must refuse a close. */
function happen(log: RunLog, what: Happening): boolean {
  const pick = (open: Set<number>): number | undefined =>
    what.kind === 'signal' || what.kind === 'cancel' ? undefined : [...open][what.at % Math.max(1, open.size)];
  if (what.kind === 'signal') log.signal(what.name, what.n);
  else if (what.kind === 'cancel') log.cancel();
  else if (what.kind === 'fire') {
    const timer = pick(log.openTimers);
    if (timer !== undefined) log.fire(timer);
  } else {
    const activity = pick(log.openActivities);
    if (activity === undefined) return false;
    if (what.kind === 'complete') log.completeActivity(activity, `result ${activity}`);
    else if (what.kind === 'fail') log.failActivity(activity, ApplicationFailure.retryable(`failed ${activity}`, 'Broken'));
    else log.cancelActivity(activity);
  }
  return what.kind === 'signal' || what.kind === 'cancel';
}

async function oneTask(log: RunLog, next: Turn): Promise<void> {
  const sticky = log.task();
  const full = log.task({ full: true });
  const refuse = next.during.map((what) => happen(log, what)).some(Boolean);
  let left = await cached.activate(sticky);
  if (left.kind === 'needHistory') left = await cached.activate(full);
  replaying.evict(log.runId);
  const right = await replaying.activate(full);
  if (left.kind !== 'completed') throw new Error(describeAnswer(left));
  if (right.kind !== 'completed') throw new Error(describeAnswer(right));
  expect(right.completion).toEqual(left.completion);
  expect(WorkflowTaskCompletion.encode(right.completion).finish()).toEqual(WorkflowTaskCompletion.encode(left.completion).finish());
  if (!left.completion.sticky && refuse) {
    // UNSEEN_EVENTS: the whole completion is dropped, and the worker forgets the run.
    cached.evict(log.runId);
    return;
  }
  const id = log.append(left.completion, full);
  cached.committed(log.runId, id, log.closed);
  if (next.evict) cached.evict(log.runId);
}

/** The activity whose success would be all that the run has to see; undefined when there is none. */
function onlyStep(log: RunLog): number | undefined {
  const { baseEventId, historyFromEventId } = log.task();
  const inBlock = ({ id, attributes }: HistoryEvent): boolean =>
    id === baseEventId || (attributes?.value as { completedEventId?: bigint } | undefined)?.completedEventId === baseEventId;
  const atRest = baseEventId > 0n && log.events.slice(Number(historyFromEventId) - 1).every(inBlock);
  const [first] = log.openActivities;
  return atRest && log.openActivities.size === 1 ? first : undefined;
}

/** R-TASK-9: the cached run goes on when its step has succeeded; what the service takes is what a replay comes to. */
async function goOn(log: RunLog, activity: number, { during, evict }: Turn, elapsedMs: number, told: { taken: number; leftOut: number }) {
  const { baseEventId, historyFromEventId, startedTime, historyBytes, execution, workflowType } = log.task();
  const facts = { historyBytes, continueAsNewSuggested: during.length > 1, taskTimeoutMs: 10_000n };
  const ids = { baseEventId, seenEventId: historyFromEventId - 1n, endEventId: BigInt(log.events.length + 1) };
  const task = { ...activityTask('a'), execution, workflowType, startedTime, followUp: { activityNumber: activity, ...ids, ...facts } };
  const result = encodeValue(defaultPayloadConverter, `result ${activity}`, 'x');
  const followUp = followUpTask({ task, result, elapsedMs });
  const left = followUp && (await cached.activate(followUp));
  const length = log.events.length;
  // Mostly nothing: else nearly all would be left out.
  for (const what of during.slice(1)) happen(log, what);
  const alone = log.events.length === length;
  if (log.openActivities.has(activity)) log.completeActivity(activity, `result ${activity}`);
  if (!alone || left?.kind !== 'completed') {
    // Only the end counts, and the worker forgets the run. A run that is not cached cannot go on.
    if (left?.kind === 'failed') throw new Error(describeAnswer(left));
    told.leftOut += 1;
    cached.evict(log.runId);
    return;
  }
  told.taken += 1;
  const recorded = { ...log.task({ full: true }), ...facts, startedTime: followUp?.startedTime };
  replaying.evict(log.runId);
  const right = await replaying.activate(recorded);
  if (right.kind !== 'completed') throw new Error(describeAnswer(right));
  expect(right.completion).toEqual(left.completion);
  cached.committed(log.runId, log.append(left.completion, recorded), log.closed);
  if (evict) cached.evict(log.runId);
}

test.each(['rounds', 'races', 'locked', 'steps', 'sagas'])(
  'R-REPLAY-1, %s: the same commands from the cache and from the log',
  { timeout: 60_000 },
  async (workflowType) => {
    const told = { taken: 0, leftOut: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 1, maxLength: 15 }), async (turns) => {
        const log = createRunLog(workflowType, [4]);
        for (const [index, next] of turns.entries()) {
          const step = next.followUp === undefined ? undefined : onlyStep(log);
          if (step === undefined) await oneTask(log, next);
          else await goOn(log, step, next, next.followUp ?? 0, told);
          if (log.closed) break;
          const goesOn = turns[index + 1]?.followUp !== undefined && onlyStep(log) !== undefined;
          if (!goesOn) for (const what of next.before) happen(log, what);
        }
      }),
      { numRuns: 60 },
    );
    if (workflowType === 'steps') expect(Math.min(told.taken, told.leftOut)).toBeGreaterThan(0);
  },
);
